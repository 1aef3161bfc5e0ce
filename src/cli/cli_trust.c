// `ampd trust`: makes this machine's browsers and programs trust the project's local authority,
// and takes that back. What was installed is remembered in the data folder (`trusted`: a line per
// authority, its fingerprint and name), so that an authority that was replaced meanwhile is
// removed as well.
#include "cli/cli_trust.h"

#include "cli/cli_int.h"
#include "crypto/ca.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PEM_MAX = 256 * 1024, RECORD_MAX = 64 * 1024, CAS_MAX = 64 };

struct trust {
    struct arena *arena;
    struct trust_env env;
    const char *data_dir;
    unsigned kinds; // of stores that are wanted
    struct trust_ca ca;
    struct trust_ca recorded[CAS_MAX]; // authorities that were installed from this folder
    size_t recorded_count;
    size_t good; // stores that are now as wanted
    size_t bad;  // stores that could not be changed
};

static struct trust_env env_of_user(void)
{
    const char *home = getenv("HOME");
    const char *path = getenv("PATH");
    struct passwd *user = home == NULL || home[0] == '\0' ? getpwuid(getuid()) : NULL;
    return (struct trust_env){
        .root = "",
        .home = user != NULL   ? user->pw_dir
                : home != NULL ? home
                               : "/",
        .path = path != NULL ? path : "/usr/local/bin:/usr/bin:/bin",
        .privileged = geteuid() == 0,
    };
}

static err *load_ca(struct arena *arena, const char *path, struct trust_ca *out)
{
    char absolute[PATH_MAX];
    if (realpath(path, absolute) == NULL) {
        return fail(arena, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s", path,
            strerror(errno));
    }
    out->path = str_cstr(arena, str_from(absolute));
    TRY(file_read(arena, out->path, PEM_MAX, &out->pem));
    return crypto_ca_describe(arena, out->pem, &out->name, &out->fingerprint);
}

bool cli_is_trusted(struct arena *arena, const char *ca_pem)
{
    struct trust_ca ca = {};
    struct trust_env env = env_of_user();
    err *e = load_ca(arena, ca_pem, &ca);
    struct trust_stores stores = trust_find(arena, &env, 1U << TRUST_SYSTEM | 1U << TRUST_CHROMIUM);
    for (size_t i = 0; e == NULL && i < stores.count; i++) {
        if (trust_has(arena, &env, &stores.items[i], &ca)) {
            return true;
        }
    }
    return false;
}

// ---- the record ------------------------------------------------------------------------------
static const char *record_path(struct trust *trust)
{
    return path_join(trust->arena, trust->data_dir, "trusted");
}

static void read_record(struct trust *trust)
{
    str text, line, fingerprint;
    err *e = file_read(trust->arena, record_path(trust), RECORD_MAX, &text);
    while (e == NULL && str_next(&text, '\n', &line) && trust->recorded_count < CAS_MAX) {
        str rest = line;
        if (str_next(&rest, ' ', &fingerprint) && fingerprint.len == 64 && rest.len > 0) {
            trust->recorded[trust->recorded_count++] =
                (struct trust_ca){.name = rest, .fingerprint = fingerprint};
        }
    }
}

static err *write_record(struct trust *trust)
{
    struct buf text = buf_in(trust->arena, RECORD_MAX);
    for (size_t i = 0; i < trust->recorded_count; i++) {
        const struct trust_ca *ca = &trust->recorded[i];
        buf_fmt(&text, "%.*s %.*s\n", PRI(ca->fingerprint), PRI(ca->name));
    }
    if (text.len == 0) {
        return unlink(record_path(trust)) == 0 || errno == ENOENT
                   ? NULL
                   : fail(trust->arena, ERR_IO, "cannot remove %s", record_path(trust));
    }
    return file_write_atomic(trust->arena, record_path(trust), buf_str(&text), 0644);
}

static void remember(struct trust *trust, const struct trust_ca *ca)
{
    for (size_t i = 0; i < trust->recorded_count; i++) {
        if (str_eq(trust->recorded[i].fingerprint, ca->fingerprint)) {
            return;
        }
    }
    if (trust->recorded_count < CAS_MAX) {
        trust->recorded[trust->recorded_count++] = *ca;
    }
}

static void forget(struct trust *trust, size_t at)
{
    trust->recorded_count--;
    memmove(&trust->recorded[at], &trust->recorded[at + 1],
        (trust->recorded_count - at) * sizeof(trust->recorded[0]));
}

// ---- install and remove ----------------------------------------------------------------------
static void print_result(
    struct trust *trust, const struct trust_store *store, const struct trust_result *result)
{
    FILE *out = result->outcome == TRUST_FAILED || result->outcome == TRUST_NEEDS ? stderr : stdout;
    fflush(stdout);
    fprintf(out, "  %-9s %.*s\n", trust_kind_name(store->kind), PRI(result->text));
    trust->good += result->outcome == TRUST_DONE || result->outcome == TRUST_ALREADY;
    trust->bad += result->outcome == TRUST_FAILED || result->outcome == TRUST_NEEDS;
}

// Says what is removed and what cannot be, under a heading when there is anything to say; true when
// the authority is in no store any more.
static bool remove_from_all(struct trust *trust, const char *heading, const struct trust_ca *ca)
{
    struct trust_stores stores = trust_find(trust->arena, &trust->env, trust->kinds);
    bool gone = trust->kinds == (1U << TRUST_KINDS) - 1;
    bool headed = false;
    for (size_t i = 0; i < stores.count; i++) {
        struct trust_result result = trust_remove(trust->arena, &trust->env, &stores.items[i], ca);
        if (result.outcome != TRUST_ABSENT) {
            if (!headed) {
                printf("%s \"%.*s\":\n", heading, PRI(ca->name));
            }
            headed = true;
            print_result(trust, &stores.items[i], &result);
        }
        gone = gone && (result.outcome == TRUST_ABSENT || result.outcome == TRUST_DONE);
    }
    return gone;
}

// Authorities of this folder that have been replaced: nobody holds a certificate of theirs.
static void remove_replaced(struct trust *trust)
{
    for (size_t i = trust->recorded_count; i-- > 0;) {
        const struct trust_ca *old = &trust->recorded[i];
        if (!str_eq(old->fingerprint, trust->ca.fingerprint)) {
            if (remove_from_all(trust, "The former authority", old)) {
                forget(trust, i);
            }
        }
    }
    trust->good = 0; // what counts is the present one
    trust->bad = 0;
}

static void print_node_hint(struct trust *trust)
{
    str path = shell_quote(trust->arena, str_from(trust->ca.path));
    printf("Node.js reads none of these stores; start it with\n"
           "  export NODE_EXTRA_CA_CERTS=%.*s\n",
        PRI(path));
}

static int install(struct trust *trust)
{
    struct ca_files files;
    const struct ca_options options = {.authority_only = true};
    err *e = crypto_ca_ensure(trust->arena, trust->data_dir, &options, &files);
    if (e == NULL) {
        e = load_ca(trust->arena, files.ca_pem, &trust->ca);
    }
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    read_record(trust);
    remove_replaced(trust);
    // Remembered first: a crash in between must not leave something that nobody remembers.
    remember(trust, &trust->ca);
    e = write_record(trust);
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    printf("%s \"%.*s\":\n", files.ca_is_new ? "Made the authority" : "The authority",
        PRI(trust->ca.name));
    struct trust_stores stores = trust_find(trust->arena, &trust->env, trust->kinds);
    for (size_t i = 0; i < stores.count; i++) {
        struct trust_result result =
            trust_install(trust->arena, &trust->env, &stores.items[i], &trust->ca);
        print_result(trust, &stores.items[i], &result);
    }
    print_node_hint(trust);
    if (trust->good == 0) {
        return cli_fail(CLI_FAILED, fail(trust->arena, ERR_IO, "no store could be changed"));
    }
    return CLI_OK;
}

static int uninstall(struct trust *trust)
{
    read_record(trust);
    // Installed by hand, perhaps, following the hint: then nothing is recorded.
    err *e = load_ca(trust->arena, crypto_ca_path(trust->arena, trust->data_dir), &trust->ca);
    if (e == NULL) {
        remember(trust, &trust->ca);
    }
    for (size_t i = trust->recorded_count; i-- > 0;) {
        if (remove_from_all(trust, "The authority", &trust->recorded[i])) {
            forget(trust, i);
        }
    }
    if (trust->good + trust->bad == 0) {
        printf("Nothing to remove: no authority of %s is in these stores\n", trust->data_dir);
    }
    if (access(trust->data_dir, F_OK) != 0) {
        return CLI_OK;
    }
    e = write_record(trust);
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    if (trust->bad > 0 && trust->good == 0) {
        return cli_fail(CLI_FAILED, fail(trust->arena, ERR_IO, "no store could be changed"));
    }
    return CLI_OK;
}

// ---- the command -----------------------------------------------------------------------------
static err *parse_kinds(struct arena *arena, const char *text, unsigned *out)
{
    str rest = str_from(text);
    str word;
    *out = 0;
    while (str_next(&rest, ',', &word)) {
        unsigned kind = 0;
        while (kind < TRUST_KINDS && !str_eq(word, str_from(trust_kind_name(kind)))) {
            kind++;
        }
        if (kind == TRUST_KINDS) {
            return fail(arena, ERR_INVALID,
                "--stores takes system, chromium and firefox, not '%.*s'", PRI(word));
        }
        *out |= 1U << kind;
    }
    return NULL;
}

// Under sudo the folder and the browsers' databases would be root's, and of no use to the user.
static err *refuse_sudo(struct trust *trust)
{
    if (geteuid() != 0 || getenv("SUDO_UID") == NULL) {
        return NULL;
    }
    if (access(crypto_ca_path(trust->arena, trust->data_dir), F_OK) != 0) {
        return err_hint(
            fail(trust->arena, ERR_CONFIG, "there is no authority in %s yet", trust->data_dir),
            S("Run `ampd trust` without sudo first; it says what root has to do."));
    }
    if ((trust->kinds & ~(1U << TRUST_SYSTEM)) != 0) {
        printf("As root only the system's store is changed; run `ampd trust` without sudo for your "
               "browsers.\n");
        trust->kinds &= 1U << TRUST_SYSTEM;
    }
    return NULL;
}

static err *choose_folder(
    struct trust *trust, const char *project, const char *data_dir, bool installing)
{
    if (data_dir != NULL) {
        trust->data_dir = data_dir;
        return NULL;
    }
    if (!dir_exists(project)) {
        return fail(trust->arena, ERR_CONFIG, "there is no folder %s", project);
    }
    trust->data_dir = path_join(trust->arena, project, ".amplify/ampd");
    if (installing && !dir_exists(path_join(trust->arena, project, "amplify"))) {
        fprintf(stderr,
            "ampd: %s has no amplify/ folder; the authority is for this folder all the "
            "same (--project names another)\n",
            project);
    }
    return NULL;
}

int cli_trust(struct arena *arena, int argc, char **argv)
{
    const char *project = ".";
    const char *data_dir = NULL;
    const char *stores = "system,chromium,firefox";
    const char *removing = NULL;
    bool done = false;
    const struct cli_option options[] = {
        {"project", "DIR", "folder of the Amplify project (default: the current one)", &project},
        {"data-dir", "DIR", "ampd's data (default: .amplify/ampd in the project)", &data_dir},
        {"stores", "LIST", "which of system,chromium,firefox to change (default: all)", &stores},
        {"uninstall", NULL, "remove what was installed", &removing},
    };
    int code =
        cli_options(cli_command(S("trust")), options, countof(options), argc, argv, NULL, 0, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    struct trust *trust = arena_new_of(arena, struct trust);
    trust->arena = arena;
    trust->env = env_of_user();
    err *e = parse_kinds(arena, stores, &trust->kinds);
    if (e != NULL) {
        return cli_fail(CLI_USAGE, e);
    }
    e = choose_folder(trust, project, data_dir, removing == NULL);
    if (e == NULL) {
        e = refuse_sudo(trust);
    }
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    return removing != NULL ? uninstall(trust) : install(trust);
}
