// Shared inside the folder: the sections of amplify_outputs.json, the making of roles.
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

// ---- policies.c, policies_storage.c: what the roles of a project may do
// --------------------------
struct role_entry {
    str name;
    str kind;          // "authenticated", "unauthenticated", "group", "function"
    str of;            // the group's name, the function's key
    vec_of(str) texts; // its policies
};

struct role_maker {
    struct arena *arena;
    const struct json *manifest;
    const struct project_tokens *tokens;
    vec_of(struct role_entry) roles;
    vec_of(str) warnings;
};

// The role of a group or function, or (`of` none) of users or guests; NULL: there is none. Good
// until roles are added.
struct role_entry *role_find(struct role_maker *maker, str kind, str of);
// Gives the role a policy of these statements, unless there are none.
void role_add_policy(struct role_maker *maker, struct role_entry *role, struct json *statements);
// A statement that allows or denies actions on resources (lists of texts, taken over).
struct json *role_statement(
    struct arena *arena, bool allow, struct json *actions, struct json *resources);
// A list of one text.
struct json *role_one(struct arena *arena, str text);
// Adds the policies of the access rules of all buckets.
void role_add_storage(struct role_maker *maker);
// Adds what functions may do for their secrets, and senders for the codes they are given.
void role_add_functions(struct role_maker *maker);
