// DynamoDB's model over the store: typed values ({"S":"a"}) and the expression language -
// conditions, filters, key conditions, projections, updates. Items themselves are plain JSON; sets
// are lists in them. Everything that is compiled lives in the given arena, is immutable, and refers
// to the texts and values it was made of. Errors are DynamoDB's own texts, ERR_INVALID.
#pragma once

#include "store/store.h"

// ---- values ------------------------------------------------------------------------------------
enum table_type {
    TABLE_S,
    TABLE_N,
    TABLE_B,
    TABLE_BOOL,
    TABLE_NULL,
    TABLE_L,
    TABLE_M,
    TABLE_SS,
    TABLE_NS,
    TABLE_BS
};

struct table_value {
    enum table_type type;
    struct json *json; // plain
};

// {"S":"a"} and its like, nested to any depth JSON has.
[[nodiscard]] err *table_value_read(
    struct arena *arena, const struct json *typed, struct table_value *out);
// A map of attributes in that form as a plain object: an item or a key.
[[nodiscard]] err *table_item_read(
    struct arena *arena, const struct json *typed, struct json **out);

// ---- expressions -------------------------------------------------------------------------------
// What an expression's placeholders stand for; shared by the expressions of one request.
struct table_names {
    const struct json *names;  // {"#n":"name"}; NULL: none
    const struct json *values; // {":v":{"S":"a"}}; NULL: none
    struct map *used;          // placeholders that an expression has used
};

// In `arena`; the objects are borrowed. NULL and JSON null are none.
struct table_names *table_names_new(
    struct arena *arena, const struct json *names, const struct json *values);
// ERR_INVALID when one was given that no expression uses, as DynamoDB has it.
[[nodiscard]] err *table_names_check(struct arena *arena, const struct table_names *names);

enum table_expression { TABLE_CONDITION, TABLE_FILTER, TABLE_KEY_CONDITION };

struct table_condition;

// Compiles a condition; `kind` is for the errors' texts.
[[nodiscard]] err *table_condition_compile(struct arena *arena, enum table_expression kind,
    str text, struct table_names *names, const struct table_condition **out);
// Whether the item meets it; NULL: there is no item, every attribute is missing. A NULL condition
// is met.
bool table_condition_eval(const struct table_condition *condition, const struct json *item);
// The same as the store's predicate, which refers to it. NULL gives NULL.
const struct store_pred *table_condition_pred(
    struct arena *arena, const struct table_condition *condition);

// Compiles a key condition into the partition, range and bounds of a query of the table or index
// with these keys.
[[nodiscard]] err *table_key_compile(struct arena *arena, str text, struct table_names *names,
    const struct store_key_def keys[2], struct store_query *out);

struct table_projection;

// "a, b.c[0]".
[[nodiscard]] err *table_projection_compile(
    struct arena *arena, str text, struct table_names *names, const struct table_projection **out);
// What is left of the item; a NULL projection leaves all. NULL gives NULL.
struct json *table_project(
    struct arena *arena, const struct table_projection *projection, struct json *item);

struct table_update;

// "SET a = :a, b = b + :n REMOVE c ADD d :n DELETE e :s".
[[nodiscard]] err *table_update_compile(
    struct arena *arena, str text, struct table_names *names, const struct table_update **out);
// The item after the update, of its own memory. Fits store_write.edit.
[[nodiscard]] err *table_update_apply(
    const void *update, struct arena *arena, const struct json *item, struct json **out);

// a + b, or a - b, exactly; ERR_INVALID beyond DynamoDB's 38 digits.
[[nodiscard]] err *table_number_add(
    struct arena *arena, str a, str b, bool subtract, struct json **out);
