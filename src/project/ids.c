// Ids of the emulated resources, made once.
#include "project/project.h"

#include "json/json.h"

enum { IDS_MAX = 64 * 1024 };

static err *make(struct arena *arena, const char *path, str *text)
{
    struct json *root = json_object(arena);
    struct buf out = buf_in(arena, IDS_MAX);

    const struct {
        str name;
        str value;
    } MEMBERS[] = {
        {S("region"), S("us-east-1")},
        {S("account"), S("000000000000")},
        {S("apiId"), random_text(arena, 26)},
        {S("apiKey"), str_cat(arena, S("da2-"), random_text(arena, 26))},
        {S("userPoolId"), str_cat(arena, S("us-east-1_"), random_text(arena, 9))},
        {S("userPoolClientId"), random_text(arena, 26)},
        {S("identityPoolId"), str_cat(arena, S("us-east-1:"), random_uuid(arena))},
    };

    for (size_t i = 0; i < countof(MEMBERS); i++) {
        json_set(root, MEMBERS[i].name, json_string(arena, MEMBERS[i].value));
    }
    json_write_pretty(&out, root, 2);
    buf_add_char(&out, '\n');
    *text = buf_str(&out);
    return file_write_atomic(arena, path, *text, 0600);
}

err *project_ids_load(struct arena *arena, const char *data_dir, struct project_ids *out)
{
    const char *path = path_join(arena, data_dir, "ids.json");
    str text = {};
    struct json *root = NULL;
    err *e = file_read(arena, path, IDS_MAX, &text);
    if (e != NULL && e->code == ERR_NOT_FOUND) {
        e = make(arena, path, &text);
    }
    TRY(e);

    const struct {
        str name;
        str *value;
    } MEMBERS[] = {
        {S("region"), &out->region},
        {S("account"), &out->account},
        {S("apiId"), &out->api_id},
        {S("apiKey"), &out->api_key},
        {S("userPoolId"), &out->user_pool_id},
        {S("userPoolClientId"), &out->user_pool_client_id},
        {S("identityPoolId"), &out->identity_pool_id},
    };

    bool complete = json_parse(arena, text, &root, NULL) == NULL;
    for (size_t i = 0; complete && i < countof(MEMBERS); i++) {
        *MEMBERS[i].value = json_get_str(root, MEMBERS[i].name);
        complete = MEMBERS[i].value->len > 0;
    }
    if (complete) {
        return NULL;
    }
    return err_hint(fail(arena, ERR_CONFIG, "%s is damaged", path),
        S("Restore it from a copy, or remove it: new ids are then made, and clients sign in "
          "anew."));
}
