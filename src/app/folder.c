// The data folder: where it is, and opening what is kept in it.
#include "app/app_int.h"

#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

const char *app_data_dir(struct arena *arena, const struct app_place *place)
{
    if (place->data_dir != NULL) {
        return place->data_dir;
    }
    const char *folder = path_join(arena, place->project, ".amplify/ampd");
    return place->identifier == NULL
               ? folder
               : path_join(arena, path_join(arena, folder, "identifiers"), place->identifier);
}

err *app_check_project(struct arena *arena, const char *project)
{
    if (dir_exists(path_join(arena, project, "amplify"))) {
        return NULL;
    }
    err *e = fail(arena, ERR_CONFIG, "%s has no amplify/ folder", project);
    e->wire = S("PathNotFoundError");
    return err_hint(e, S("Start ampd in the folder of an Amplify Gen 2 project, or name one with "
                         "--project."));
}

// SQLite gives its files the mode of the database, which nobody else has any business with.
static err *make_private(struct arena *arena, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(arena, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    close(fd);
    return NULL;
}

err *app_open_store(
    struct arena *arena, const char *data_dir, unsigned loop_count, struct store **out)
{
    struct store_options options = {
        .path = path_join(arena, data_dir, "data.db"), .loop_count = loop_count};
    TRY(make_private(arena, options.path));
    return store_open(arena, &options, out);
}

err *app_instance_key(struct arena *arena, const char *data_dir, struct crypto_key *out)
{
    const char *given = getenv("AMPD_INSTANCE_KEY");
    if (given == NULL || given[0] == '\0') {
        return crypto_key_ensure(arena, path_join(arena, data_dir, "instance.key"), out);
    }
    err *e = crypto_key_parse(arena, str_from(given), out);
    return e == NULL ? NULL : err_wrap(arena, e, "AMPD_INSTANCE_KEY");
}

err *app_open_iam(struct arena *arena, const char *data_dir, struct store *store, struct iam **out)
{
    struct project_ids ids;
    struct iam_options options = {.store = store};
    TRY(project_ids_load(arena, data_dir, &ids));
    TRY(app_instance_key(arena, data_dir, &options.key));
    options.account = ids.account;
    options.region = ids.region;
    err *e = iam_open(arena, &options, out);
    crypto_wipe(&options.key, sizeof(options.key));
    return e;
}
