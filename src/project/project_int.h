// Shared inside the folder: the sections of amplify_outputs.json.
#pragma once

#include "project/project.h"
#include "json/json.h"

// Sets a text member.
void outputs_set(struct arena *arena, struct json *object, const char *key, str text);

// "auth" of version 1.5, from the manifest's auth.
struct json *outputs_auth_section(
    struct arena *arena, const struct project_outputs_options *options, const struct json *auth);
// "Auth" of the resource configuration, from the same.
struct json *outputs_auth_config(
    struct arena *arena, const struct project_outputs_options *options, const struct json *auth);
// "storage" of version 1.5, from the manifest's list of buckets, which is not empty.
struct json *outputs_storage_section(
    struct arena *arena, const struct project_outputs_options *options, const struct json *storage);
// "Storage" of the resource configuration, from the same.
struct json *outputs_storage_config(
    struct arena *arena, const struct project_outputs_options *options, const struct json *storage);
