// The system's stores, in a folder that stands for "/" with programs that write down how they were
// called. (The NSS databases are tested with the real certutil, in tests/trust.)
#include "cli/cli_trust.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char FINGERPRINT[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct machine {
    struct arena *arena;
    char root[64];
    struct trust_env env;
    struct trust_ca ca;
};

static int setup(void **state)
{
    struct machine *machine = mem_new(struct machine);
    machine->arena = arena_new();
    snprintf(machine->root, sizeof(machine->root), "/tmp/ampd-trust-XXXXXX");
    *state = machine;
    if (mkdtemp(machine->root) == NULL) {
        return -1;
    }
    machine->env = (struct trust_env){
        .root = machine->root, .home = machine->root, .path = "/usr/bin", .privileged = true};
    machine->ca = (struct trust_ca){.path = "/home/me/my app/ca.pem",
        .pem = S("PEM"),
        .name = S("ampd local CA (test, 1)"),
        .fingerprint = str_from(FINGERPRINT)};
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct machine *machine = *state;
    int failed = nftw(machine->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(machine->arena);
    mem_free(machine);
    return failed;
}

static const char *at(struct machine *machine, const char *path)
{
    return str_cstr(machine->arena, str_fmt(machine->arena, "%s%s", machine->root, path));
}

static void have_folder(struct machine *machine, const char *path)
{
    assert_null(dir_make(machine->arena, at(machine, path), 0755));
}

static void have_program(struct machine *machine, const char *path, int exit_code)
{
    str text = str_fmt(machine->arena,
        "#!/bin/sh\nfor word; do echo \"<$word>\" >> %s/ran; done\necho \"ran $0\" >> %s/ran\n"
        "echo trouble; exit %d\n",
        machine->root, machine->root, exit_code);
    assert_null(file_write_atomic(machine->arena, at(machine, path), text, 0755));
    assert_int_equal(chmod(at(machine, path), 0755), 0);
}

static const char *ran(struct machine *machine)
{
    str text;
    err *e = file_read(machine->arena, at(machine, "/ran"), 10000, &text);
    unlink(at(machine, "/ran"));
    return e == NULL ? str_cstr(machine->arena, text) : "";
}

static struct trust_store only_store(struct machine *machine)
{
    struct trust_stores stores = trust_find(machine->arena, &machine->env, 1U << TRUST_SYSTEM);
    assert_int_equal(stores.count, 1);
    return stores.items[0];
}

static void be_debian(struct machine *machine, int exit_code)
{
    have_folder(machine, "/usr/local/share/ca-certificates");
    have_folder(machine, "/usr/sbin");
    have_program(machine, "/usr/sbin/update-ca-certificates", exit_code);
}

static const char DEBIAN_FILE[] = "/usr/local/share/ca-certificates/ampd-0123456789abcdef.crt";

static void test_debian(void **state)
{
    struct machine *machine = *state;
    be_debian(machine, 0);
    struct trust_store store = only_store(machine);
    assert_false(trust_has(machine->arena, &machine->env, &store, &machine->ca));
    struct trust_result result = trust_install(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_DONE);
    struct stat info;
    assert_int_equal(stat(at(machine, DEBIAN_FILE), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_non_null(strstr(ran(machine), "ran "));
    assert_true(trust_has(machine->arena, &machine->env, &store, &machine->ca));

    result = trust_install(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_ALREADY);
    assert_string_equal(ran(machine), "");

    result = trust_remove(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_DONE);
    assert_int_equal(access(at(machine, DEBIAN_FILE), F_OK), -1);
    assert_non_null(strstr(ran(machine), "<--fresh>"));
    result = trust_remove(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_ABSENT);
    assert_string_equal(ran(machine), "");
}

static void test_others_are_left_alone(void **state)
{
    struct machine *machine = *state;
    be_debian(machine, 0);
    const char *other = at(machine, "/usr/local/share/ca-certificates/company.crt");
    assert_null(file_write_atomic(machine->arena, other, S("other"), 0644));
    struct trust_store store = only_store(machine);
    assert_int_equal(
        trust_install(machine->arena, &machine->env, &store, &machine->ca).outcome, TRUST_DONE);
    assert_int_equal(
        trust_remove(machine->arena, &machine->env, &store, &machine->ca).outcome, TRUST_DONE);
    assert_int_equal(access(other, F_OK), 0);
}

static void test_update_fails(void **state)
{
    struct machine *machine = *state;
    be_debian(machine, 3);
    struct trust_store store = only_store(machine);
    struct trust_result result = trust_install(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_FAILED);
    assert_true(str_find(result.text, S("trouble")) > 0); // what the program said
    assert_int_equal(access(at(machine, DEBIAN_FILE), F_OK), -1);
}

static void test_not_root(void **state)
{
    struct machine *machine = *state;
    be_debian(machine, 0);
    machine->env.privileged = false;
    struct trust_store store = only_store(machine);
    struct trust_result result = trust_install(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_NEEDS);
    assert_true(str_find(result.text, S("sudo install -m 644 '/home/me/my app/ca.pem' ")) > 0);
    assert_true(str_find(result.text, S("&& sudo update-ca-certificates")) > 0);
    assert_string_equal(ran(machine), "");

    // The user follows the hint; that is seen, and how to take it back is told.
    assert_null(file_write_atomic(machine->arena, at(machine, DEBIAN_FILE), S("PEM"), 0644));
    result = trust_install(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_ALREADY);
    result = trust_remove(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_NEEDS);
    assert_true(str_find(result.text, S("sudo rm ")) > 0);
    assert_true(str_find(result.text, S("sudo update-ca-certificates --fresh")) > 0);
}

static void test_fedora(void **state)
{
    struct machine *machine = *state;
    have_folder(machine, "/etc/pki/ca-trust/source/anchors");
    have_folder(machine, "/usr/bin");
    have_program(machine, "/usr/bin/update-ca-trust", 0);
    struct trust_store store = only_store(machine);
    assert_int_equal(
        trust_install(machine->arena, &machine->env, &store, &machine->ca).outcome, TRUST_DONE);
    assert_non_null(strstr(ran(machine), "<extract>\nran "));
    assert_int_equal(
        access(at(machine, "/etc/pki/ca-trust/source/anchors/ampd-0123456789abcdef.pem"), F_OK), 0);
}

static void test_mac(void **state)
{
    struct machine *machine = *state;
    have_folder(machine, "/Library/Keychains");
    have_folder(machine, "/usr/bin");
    have_program(machine, "/usr/bin/security", 1); // nothing is found
    struct trust_store store = only_store(machine);
    assert_false(trust_has(machine->arena, &machine->env, &store, &machine->ca));
    assert_non_null(strstr(ran(machine), "<find-certificate>\n<-c>\n<ampd local CA (test, 1)>"));
    struct trust_result result = trust_install(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_FAILED);
    assert_non_null(strstr(ran(machine), "<add-trusted-cert>\n<-r>\n<trustRoot>\n<-k>\n"));
    have_program(machine, "/usr/bin/security", 0);
    result = trust_remove(machine->arena, &machine->env, &store, &machine->ca);
    assert_int_equal(result.outcome, TRUST_DONE);
    assert_non_null(strstr(ran(machine), "<delete-certificate>"));
}

static void test_nothing_known(void **state)
{
    struct machine *machine = *state;
    have_folder(machine, "/usr/local/share/ca-certificates"); // but no program
    struct trust_store store = only_store(machine);
    assert_null(store.place);
    assert_int_equal(
        trust_install(machine->arena, &machine->env, &store, &machine->ca).outcome, TRUST_ABSENT);
    assert_int_equal(
        trust_remove(machine->arena, &machine->env, &store, &machine->ca).outcome, TRUST_ABSENT);
    struct trust_stores stores = trust_find(machine->arena, &machine->env, 7);
    assert_int_equal(stores.count, TRUST_KINDS);
}

static void test_no_certutil(void **state)
{
    struct machine *machine = *state;
    have_folder(machine, "/usr/bin");
    have_program(machine, "/usr/bin/apt-get", 0);
    struct trust_stores stores = trust_find(machine->arena, &machine->env, 1U << TRUST_CHROMIUM);
    struct trust_result result =
        trust_install(machine->arena, &machine->env, &stores.items[0], &machine->ca);
    assert_int_equal(result.outcome, TRUST_NEEDS);
    assert_true(str_find(result.text, S("apt-get install libnss3-tools")) > 0);
    assert_int_equal(access(at(machine, "/.pki"), F_OK), -1);
    assert_string_equal(ran(machine), ""); // only told, not run
}

static void test_quote(void **state)
{
    struct machine *machine = *state;
    const char *cases[][2] = {{"/a/b-c_d.pem", "/a/b-c_d.pem"}, {"/a b", "'/a b'"},
        {"it's", "'it'\\''s'"}, {"", "''"}, {"$(x)", "'$(x)'"}, {"a;b", "'a;b'"}};
    for (size_t i = 0; i < countof(cases); i++) {
        str quoted = shell_quote(machine->arena, str_from(cases[i][0]));
        assert_string_equal(str_cstr(machine->arena, quoted), cases[i][1]);
    }
}

static void test_run(void **state)
{
    struct machine *machine = *state;
    str output;
    // Neither input nor a terminal, and no shell between the words and the program.
    const char *const cat[] = {
        "/bin/sh", "-c", "cat; (: < /dev/tty) 2>/dev/null || echo \"$1\"", "sh", "no $TTY", NULL};
    assert_int_equal(trust_run(machine->arena, cat, &output), 0);
    assert_true(str_eq(output, S("no $TTY")));
    const char *const seven[] = {"/bin/sh", "-c", "echo out; echo err >&2; exit 7", NULL};
    assert_int_equal(trust_run(machine->arena, seven, &output), 7);
    assert_true(str_eq(output, S("out\nerr")));
    const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
    assert_int_equal(trust_run(machine->arena, killed, &output), -1);
    const char *const missing[] = {"/nowhere/program", NULL};
    assert_int_not_equal(trust_run(machine->arena, missing, &output), 0);
    const char *const chatty[] = {"/bin/sh", "-c", "yes | head -c 1000000", NULL};
    assert_int_equal(trust_run(machine->arena, chatty, &output), 0);
    assert_true(output.len <= 256 * 1024);
}

#define trust_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        trust_test(test_debian),
        trust_test(test_others_are_left_alone),
        trust_test(test_update_fails),
        trust_test(test_not_root),
        trust_test(test_fedora),
        trust_test(test_mac),
        trust_test(test_nothing_known),
        trust_test(test_no_certutil),
        trust_test(test_quote),
        trust_test(test_run),
    };
    return cmocka_run_group_tests_name("cli_trust", tests, NULL, NULL);
}
