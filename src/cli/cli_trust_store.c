// The stores: the system's (folders that differ by distribution, macOS' keychain), and the NSS
// databases in which Chromium and Firefox keep what their user trusts.
#include "cli/cli_trust.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_MAX = 256 * 1024, COMMAND_WORDS = 4, FINGERPRINT_SHOWN = 16 };

struct trust_system {
    const char *folder;
    const char *suffix; // the update programs read files with this one only
    const char *update[COMMAND_WORDS];
    const char *update_removed[COMMAND_WORDS];
    bool is_keychain;
};

static const struct trust_system SYSTEMS[] = {
    {"/usr/local/share/ca-certificates", ".crt", {"update-ca-certificates"},
        {"update-ca-certificates", "--fresh"}, false}, // Debian, Ubuntu, Alpine
    {"/etc/pki/ca-trust/source/anchors", ".pem", {"update-ca-trust", "extract"},
        {"update-ca-trust", "extract"}, false}, // Fedora and its kin
    {"/etc/ca-certificates/trust-source/anchors", ".crt", {"update-ca-trust"}, {"update-ca-trust"},
        false}, // Arch
    {"/etc/pki/trust/anchors", ".pem", {"update-ca-certificates"},
        {"update-ca-certificates", "--fresh"}, false},            // openSUSE
    {"/Library/Keychains", "", {"security"}, {"security"}, true}, // macOS
};

static const char *const KIND_NAMES[TRUST_KINDS] = {"system", "chromium", "firefox"};

const char *trust_kind_name(enum trust_kind kind)
{
    return KIND_NAMES[kind];
}

static const char *join(struct arena *arena, const char *base, const char *rest)
{
    return str_cstr(arena, str_cat(arena, str_from(base), str_from(rest)));
}

// ---- finding ---------------------------------------------------------------------------------
static struct trust_store *add(
    struct arena *arena, struct trust_stores *stores, enum trust_kind kind, const char *place)
{
    struct trust_store *store = vec_push(arena, stores);
    *store = (struct trust_store){.kind = kind, .place = place};
    return store;
}

static void find_system(
    struct arena *arena, const struct trust_env *env, struct trust_stores *stores)
{
    for (size_t i = 0; i < countof(SYSTEMS); i++) {
        const char *folder = join(arena, env->root, SYSTEMS[i].folder);
        if (dir_exists(folder) && trust_program(arena, env, SYSTEMS[i].update[0]) != NULL) {
            add(arena, stores, TRUST_SYSTEM, folder)->system = &SYSTEMS[i];
            return;
        }
    }
    add(arena, stores, TRUST_SYSTEM, NULL);
}

// The database every Chromium reads is made when it is not there; those of other packagings
// only count where they exist.
static void find_chromium(
    struct arena *arena, const struct trust_env *env, struct trust_stores *stores)
{
    static const char *const OTHERS[] = {"/snap/chromium/current/.pki/nssdb",
        "/.local/share/pki/nssdb", "/.var/app/org.chromium.Chromium/.pki/nssdb"};
    add(arena, stores, TRUST_CHROMIUM, join(arena, env->home, "/.pki/nssdb"));
    for (size_t i = 0; i < countof(OTHERS); i++) {
        const char *place = join(arena, env->home, OTHERS[i]);
        if (access(join(arena, place, "/cert9.db"), F_OK) == 0) {
            add(arena, stores, TRUST_CHROMIUM, place);
        }
    }
}

static bool find_profiles(struct arena *arena, const char *folder, struct trust_stores *stores)
{
    DIR *dir = opendir(folder);
    bool found = false;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const char *profile = path_join(arena, folder, entry->d_name);
        if (entry->d_name[0] != '.' && access(join(arena, profile, "/cert9.db"), F_OK) == 0) {
            add(arena, stores, TRUST_FIREFOX, profile);
            found = true;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

static void find_firefox(
    struct arena *arena, const struct trust_env *env, struct trust_stores *stores)
{
    static const char *const FOLDERS[] = {"/.mozilla/firefox", "/.config/mozilla/firefox",
        "/snap/firefox/common/.mozilla/firefox", "/.var/app/org.mozilla.firefox/.mozilla/firefox",
        "/Library/Application Support/Firefox/Profiles"};
    bool found = false;
    for (size_t i = 0; i < countof(FOLDERS); i++) {
        found = find_profiles(arena, join(arena, env->home, FOLDERS[i]), stores) || found;
    }
    if (!found) {
        add(arena, stores, TRUST_FIREFOX, NULL);
    }
}

struct trust_stores trust_find(struct arena *arena, const struct trust_env *env, unsigned kinds)
{
    static void (*const FIND[TRUST_KINDS])(struct arena *, const struct trust_env *,
        struct trust_stores *) = {find_system, find_chromium, find_firefox};
    struct trust_stores stores = {};
    for (unsigned kind = 0; kind < TRUST_KINDS; kind++) {
        if ((kinds & (1U << kind)) != 0) {
            FIND[kind](arena, env, &stores);
        }
    }
    return stores;
}

// ---- the system's store ----------------------------------------------------------------------
static struct trust_result result(enum trust_outcome outcome, str text)
{
    return (struct trust_result){.outcome = outcome, .text = text};
}

static struct trust_result program_failed(struct arena *arena, const char *program, str output)
{
    str first = str_sub(output, 0, 400);
    return result(TRUST_FAILED,
        str_fmt(arena, "%s failed%s%.*s", program, first.len > 0 ? ": " : "", PRI(first)));
}

static const char *system_file(
    struct arena *arena, const struct trust_store *store, const struct trust_ca *ca)
{
    return str_cstr(
        arena, str_fmt(arena, "%s/ampd-%.*s%s", store->place,
                   PRI(str_sub(ca->fingerprint, 0, FINGERPRINT_SHOWN)), store->system->suffix));
}

static int run_update(struct arena *arena, const struct trust_env *env,
    const char *const words[COMMAND_WORDS], str *output)
{
    const char *argv[COMMAND_WORDS + 1] = {};
    memcpy(argv, words, sizeof(argv) - sizeof(argv[0]));
    argv[0] = trust_program(arena, env, words[0]);
    return argv[0] != NULL ? trust_run(arena, argv, output) : -1;
}

static struct trust_result by_hand(
    struct arena *arena, const char *first, const char *const words[COMMAND_WORDS])
{
    struct buf text = buf_in(arena, 16 * 1024);
    buf_fmt(&text, "needs root:\n            sudo %s && sudo %s", first, words[0]);
    for (size_t i = 1; i < COMMAND_WORDS && words[i] != NULL; i++) {
        buf_fmt(&text, " %s", words[i]);
    }
    return result(TRUST_NEEDS, buf_str(&text));
}

static struct trust_result install_system(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca)
{
    const struct trust_system *system = store->system;
    const char *file = system_file(arena, store, ca);
    str output = {};
    if (!env->privileged) {
        str from = shell_quote(arena, str_from(ca->path));
        str copy = str_fmt(arena, "install -m 644 %.*s %s", PRI(from), file);
        return by_hand(arena, str_cstr(arena, copy), system->update);
    }
    err *e = file_write_atomic(arena, file, ca->pem, 0644);
    if (e != NULL) {
        return result(TRUST_FAILED, e->text);
    }
    if (chmod(file, 0644) != 0 || run_update(arena, env, system->update, &output) != 0) {
        unlink(file); // half installed would be taken for installed the next time
        return program_failed(arena, system->update[0], output);
    }
    return result(TRUST_DONE, str_fmt(arena, "installed: %s", file));
}

static struct trust_result remove_system(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca)
{
    const struct trust_system *system = store->system;
    const char *file = system_file(arena, store, ca);
    str output = {};
    if (!env->privileged) {
        const char *first = str_cstr(arena, str_fmt(arena, "rm %s", file));
        return by_hand(arena, first, system->update_removed);
    }
    if (unlink(file) != 0) {
        return result(TRUST_FAILED, str_fmt(arena, "cannot remove %s", file));
    }
    if (run_update(arena, env, system->update_removed, &output) != 0) {
        return program_failed(arena, system->update_removed[0], output);
    }
    return result(TRUST_DONE, str_fmt(arena, "removed: %s", file));
}

// ---- macOS -----------------------------------------------------------------------------------
static int run_security(
    struct arena *arena, const struct trust_env *env, const char *const *words, str *output)
{
    const char *argv[8] = {trust_program(arena, env, "security")};
    for (size_t i = 0; words[i] != NULL; i++) {
        check(i + 2 < countof(argv));
        argv[i + 1] = words[i];
    }
    return trust_run(arena, argv, output);
}

static struct trust_result change_keychain(
    struct arena *arena, const struct trust_env *env, const struct trust_ca *ca, bool install)
{
    const char *keychain = join(arena, env->home, "/Library/Keychains/login.keychain-db");
    const char *name = str_cstr(arena, ca->name);
    const char *const add_words[] = {
        "add-trusted-cert", "-r", "trustRoot", "-k", keychain, ca->path, NULL};
    // -t takes the trust settings away with the certificate.
    const char *const remove_words[] = {"delete-certificate", "-c", name, "-t", keychain, NULL};
    str output = {};
    if (run_security(arena, env, install ? add_words : remove_words, &output) != 0) {
        return program_failed(arena, "security", output);
    }
    return result(TRUST_DONE,
        install ? S("installed in the login keychain") : S("removed from the login keychain"));
}

static bool keychain_has(
    struct arena *arena, const struct trust_env *env, const struct trust_ca *ca)
{
    const char *const words[] = {"find-certificate", "-c", str_cstr(arena, ca->name), NULL};
    str output = {};
    return run_security(arena, env, words, &output) == 0;
}

// ---- NSS -------------------------------------------------------------------------------------
static int certutil(struct arena *arena, const struct trust_env *env, const char *place,
    const char *const *words, str *output)
{
    const char *argv[16] = {trust_program(arena, env, "certutil"), "-d",
        str_cstr(arena, str_cat(arena, S("sql:"), str_from(place)))};
    for (size_t i = 0; words[i] != NULL; i++) {
        check(i + 4 < countof(argv));
        argv[i + 3] = words[i];
    }
    return argv[0] != NULL ? trust_run(arena, argv, output) : -1;
}

// The list has a line per certificate: its name, then what it is trusted for ("C,,": to name
// servers).
static bool nss_has(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca, bool trusted)
{
    const char *const words[] = {"-L", NULL};
    str lines, line;
    if (access(join(arena, store->place, "/cert9.db"), F_OK) != 0 ||
        certutil(arena, env, store->place, words, &lines) != 0) {
        return false;
    }
    while (str_next(&lines, '\n', &line)) {
        if (str_starts(line, ca->name)) {
            str flags = str_trim(str_sub(line, ca->name.len, line.len));
            return !trusted || str_starts(flags, S("C"));
        }
    }
    return false;
}

static str certutil_hint(struct arena *arena, const struct trust_env *env)
{
    static const struct {
        const char *program;
        str hint;
    } HINTS[] = {
        {"apt-get", S_INIT("sudo apt-get install libnss3-tools")},
        {"dnf", S_INIT("sudo dnf install nss-tools")},
        {"pacman", S_INIT("sudo pacman -S nss")},
        {"zypper", S_INIT("sudo zypper install mozilla-nss-tools")},
        {"apk", S_INIT("sudo apk add nss-tools")},
        {"brew", S_INIT("brew install nss")},
    };

    for (size_t i = 0; i < countof(HINTS); i++) {
        if (trust_program(arena, env, HINTS[i].program) != NULL) {
            return str_cat(arena, S("needs certutil: "), HINTS[i].hint);
        }
    }
    return S("needs the program certutil (of NSS)");
}

static struct trust_result make_database(
    struct arena *arena, const struct trust_env *env, const char *place)
{
    const char *const words[] = {"-N", "--empty-password", NULL};
    str output = {};
    if (access(join(arena, place, "/cert9.db"), F_OK) == 0) {
        return result(TRUST_DONE, (str){});
    }
    err *e = dir_make(arena, place, 0700);
    if (e != NULL) {
        return result(TRUST_FAILED, e->text);
    }
    return certutil(arena, env, place, words, &output) == 0
               ? result(TRUST_DONE, (str){})
               : program_failed(arena, "certutil", output);
}

static struct trust_result remove_nss(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca)
{
    const char *const words[] = {"-D", "-n", str_cstr(arena, ca->name), "-f", "/dev/null", NULL};
    str output = {};
    if (certutil(arena, env, store->place, words, &output) != 0) {
        return program_failed(arena, "certutil", output);
    }
    return result(TRUST_DONE, str_fmt(arena, "removed: %s", store->place));
}

static struct trust_result install_nss(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca)
{
    // An empty password, not a question: a database with another one is told as a failure.
    const char *const words[] = {"-A", "-n", str_cstr(arena, ca->name), "-t", "C,,", "-i", ca->path,
        "-f", "/dev/null", NULL};
    str output = {};
    if (trust_program(arena, env, "certutil") == NULL) {
        return result(TRUST_NEEDS, certutil_hint(arena, env));
    }
    struct trust_result made = make_database(arena, env, store->place);
    if (made.outcome != TRUST_DONE) {
        return made;
    }
    if (certutil(arena, env, store->place, words, &output) != 0) {
        // It adds the certificate first and fails at trusting it.
        if (nss_has(arena, env, store, ca, false)) {
            (void)remove_nss(arena, env, store, ca);
        }
        return str_find(output, S("SEC_ERROR_BAD_PASSWORD")) < 0
                   ? program_failed(arena, "certutil", output)
                   : result(TRUST_FAILED,
                         str_fmt(arena, "%s has a password: add %s in the browser's settings",
                             store->place, ca->path));
    }
    return result(TRUST_DONE, str_fmt(arena, "installed: %s", store->place));
}

// ---- all ------------------------------------------------------------------------------------
// `trusted`: not only present, but also good for naming servers.
static bool is_in(struct arena *arena, const struct trust_env *env, const struct trust_store *store,
    const struct trust_ca *ca, bool trusted)
{
    str pem;
    if (store->place == NULL) {
        return false;
    }
    if (store->kind != TRUST_SYSTEM) {
        return nss_has(arena, env, store, ca, trusted);
    }
    if (store->system->is_keychain) {
        return keychain_has(arena, env, ca);
    }
    err *e = file_read(arena, system_file(arena, store, ca), PEM_MAX, &pem);
    return e == NULL && (!trusted || str_eq(pem, ca->pem));
}

bool trust_has(struct arena *arena, const struct trust_env *env, const struct trust_store *store,
    const struct trust_ca *ca)
{
    return is_in(arena, env, store, ca, true);
}

struct trust_result trust_install(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca)
{
    if (store->place == NULL) {
        return result(TRUST_ABSENT,
            store->kind == TRUST_FIREFOX ? S("no profile found") : S("no known store found"));
    }
    if (is_in(arena, env, store, ca, true)) {
        return result(TRUST_ALREADY, str_fmt(arena, "already there: %s", store->place));
    }
    if (store->kind != TRUST_SYSTEM) {
        return install_nss(arena, env, store, ca);
    }
    return store->system->is_keychain ? change_keychain(arena, env, ca, true)
                                      : install_system(arena, env, store, ca);
}

struct trust_result trust_remove(struct arena *arena, const struct trust_env *env,
    const struct trust_store *store, const struct trust_ca *ca)
{
    bool is_nss = store->kind != TRUST_SYSTEM;
    if (is_nss && store->place != NULL &&
        access(join(arena, store->place, "/cert9.db"), F_OK) == 0 &&
        trust_program(arena, env, "certutil") == NULL) {
        return result(TRUST_NEEDS, certutil_hint(arena, env));
    }
    if (!is_in(arena, env, store, ca, false)) {
        return result(TRUST_ABSENT, S("was not there"));
    }
    if (is_nss) {
        return remove_nss(arena, env, store, ca);
    }
    return store->system->is_keychain ? change_keychain(arena, env, ca, false)
                                      : remove_system(arena, env, store, ca);
}
