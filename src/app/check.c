// Looking through a data folder that nobody serves.
#include "app/app_int.h"

#include <unistd.h>

struct inspection {
    struct arena *arena;
    const char *data_dir;
    struct app_check *check;
    struct store *store;
    struct blob_store *blobs;
    struct object_hub *objects;
    err *result;
};

static err *check_objects(struct inspection *inspection) YIELDS;

static err *check_objects(struct inspection *inspection)
{
    struct arena *arena = inspection->arena;
    struct app_check *check = inspection->check;
    struct object_hub_options options = {.store = inspection->store, .blobs = inspection->blobs};
    struct object_check objects = {
        .data = check->data, .repair = check->repair, .tell = check->tell, .arg = check->arg};
    TRY(object_hub_open(inspection->objects, arena, &options));
    TRY(object_check(inspection->objects, arena, &objects));
    check->objects = objects.objects;
    check->files = objects.files;
    check->bytes = objects.bytes;
    check->problems += objects.problems;
    check->damaged += objects.damaged;
    check->repaired = objects.repaired;
    return NULL;
}

static err *run(struct inspection *inspection) YIELDS;

static err *run(struct inspection *inspection)
{
    struct app_check *check = inspection->check;
    err *e = store_verify(inspection->store, inspection->arena);
    if (e != NULL && e->code != ERR_INTERNAL) {
        return e;
    }
    if (e != NULL) {
        check->problems++;
        check->damaged++;
        check->tell(check->arg, str_cat(inspection->arena, S("the database: "), e->text));
    }
    return check_objects(inspection);
}

static void inspection_fiber(void *arg) YIELDS
{
    struct inspection *inspection = arg;
    inspection->result = run(inspection);
    loop_stop(loop_current());
}

static void start_inspection(void *arg)
{
    fiber_start("check", inspection_fiber, arg);
}

static err *open_all(struct inspection *inspection)
{
    struct arena *arena = inspection->arena;
    const char *database = path_join(arena, inspection->data_dir, "data.db");
    if (access(database, F_OK) != 0) {
        return fail(arena, ERR_NOT_FOUND, "there is no data in %s", inspection->data_dir);
    }
    err *e = app_open_store(arena, inspection->data_dir, 1, &inspection->store);
    if (e != NULL) {
        return e->code == ERR_CONFLICT
                   ? err_hint(fail(arena, ERR_CONFLICT, "an ampd serves this folder"),
                         S("End it first: what is being changed cannot be checked."))
                   : e;
    }
    return app_open_blobs(arena, inspection->data_dir, &inspection->blobs);
}

err *app_check_folder(struct arena *arena, const char *data_dir, struct app_check *check)
{
    struct inspection inspection = {.arena = arena, .data_dir = data_dir, .check = check};
    struct loop *loop = loop_new(0);
    inspection.result = open_all(&inspection);
    if (inspection.result == NULL) {
        inspection.objects = object_hub_new(&loop, 1);
        loop_post(loop, start_inspection, &inspection);
        loop_run(loop);
        object_hub_free(inspection.objects);
    }
    blob_store_close(inspection.blobs);
    if (inspection.store != NULL) {
        store_close(inspection.store);
    }
    loop_free(loop);
    return inspection.result;
}
