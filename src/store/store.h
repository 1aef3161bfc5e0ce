// Tables of JSON items under ordered keys, shaped after DynamoDB's semantics: partition key, sort
// key, secondary indexes, conditional writes, transactions, change stream. The engine behind this
// interface is SQLite; each loop reads from its own snapshot, one writer thread groups commits, and
// a write returns only when it is durable.
#pragma once

#include "fiber/fiber.h"
#include "json/json.h"

struct store;

// ---- predicates --------------------------------------------------------------------------------
// One form for filters, conditions and authorisation rules; immutable, evaluated against an item.
// Semantics are DynamoDB's: a missing attribute makes every comparison false except NE; values of
// different types never compare equal or ordered; strings compare by UTF-8 bytes, numbers as
// decimals.
enum store_op {
    STORE_TRUE,
    STORE_FALSE,
    STORE_AND, // kids
    STORE_OR,  // kids
    STORE_NOT, // kids[0]
    STORE_EQ,
    STORE_NE,
    STORE_LT,
    STORE_LE,
    STORE_GT,
    STORE_GE,
    STORE_BETWEEN,      // values[0] <= x <= values[1]
    STORE_IN,           // x equals one of values
    STORE_CONTAINS,     // substring, or element of a list
    STORE_NOT_CONTAINS, // true for a missing attribute
    STORE_BEGINS_WITH,
    STORE_EXISTS,
    STORE_NOT_EXISTS,
    STORE_TYPE, // values[0]: "S","N","BOOL","NULL","L","M",...
    STORE_SIZE, // kids[0] compares the size as attribute of its own (its path is ignored)
    STORE_TEST, // test(test_arg, item): a condition of another language, of the whole item
};

struct store_pred {
    enum store_op op;
    str path; // attribute; dots descend into maps
    const struct json **values;
    size_t value_count;
    const struct store_pred **kids;
    size_t kid_count;
    // TEST; any thread. Copies of the predicate share the argument.
    bool (*test)(const void *arg, const struct json *item);
    const void *test_arg;
};

// `item` may be NULL (no item: every attribute is missing). NULL predicate is true.
bool store_pred_eval(const struct store_pred *pred, const struct json *item);
// `path op value`; borrows both.
struct store_pred *store_pred_leaf(
    struct arena *a, enum store_op op, str path, const struct json *value);
// Both, which are borrowed. NULL is true: with one the other is the result.
const struct store_pred *store_pred_and(
    struct arena *a, const struct store_pred *x, const struct store_pred *y);
// Either of them. One that is NULL is left out here too, though NULL alone is true: start with it
// to gather alternatives.
const struct store_pred *store_pred_or(
    struct arena *a, const struct store_pred *x, const struct store_pred *y);
// Deep, texts and values too: for one that outlives the request it was made in. NULL gives NULL.
const struct store_pred *store_pred_copy(struct arena *a, const struct store_pred *pred);

// ---- schema ------------------------------------------------------------------------------------
enum store_key_type { STORE_KEY_NONE, STORE_KEY_STRING, STORE_KEY_NUMBER };

struct store_key_def {
    str name;
    enum store_key_type type; // NONE: there is no such key
};

struct store_index_def {
    str name;
    struct store_key_def partition;
    struct store_key_def sort;
};

// Names of tables and indexes are of letters, digits and "_.-", at most 255; two tables (or two
// indexes of one) must differ in more than case.
struct store_table_def {
    str name;
    struct store_key_def partition;
    struct store_key_def sort;
    const struct store_index_def *indexes;
    size_t index_count;
};

struct store_options {
    const char *path; // database file; its folder exists
    unsigned loop_count;
    u64 size_max;       // bytes the database may grow to, then ERR_DISK_FULL; 0: no limit
    unsigned log_pages; // pages of the write-ahead log that are left to it; 0: the usual number
    bool fast_unsafe;   // tests only: no sync
};

// Blocks the thread. ERR_CONFLICT when another process has the database open, ERR_CONFIG when a
// newer version wrote it, ERR_IO when it cannot be written to or is no database.
[[nodiscard]] err *store_open(
    struct arena *arena, const struct store_options *options, struct store **out);
// Waits for queued writes; call when no fiber uses the store any more.
void store_close(struct store *store);

struct store_apply_options {
    bool allow_data_loss; // a table whose key changes is emptied
};

// Makes the tables and indexes exist as defined. New indexes are built online, in steps, without
// rewriting items; queries on one wait until it is complete. A change that would lose data fails
// with ERR_CONFLICT naming table, reason and number of items, unless allowed. All or nothing.
// Tables no longer defined are kept (their data survives a model that is taken out and put back).
[[nodiscard]] err *store_apply(struct store *store, struct arena *arena,
    const struct store_table_def *tables, size_t table_count,
    const struct store_apply_options *options) YIELDS;

// ---- reading -----------------------------------------------------------------------------------
// Key values are JSON strings or numbers. Reads see every write acknowledged before they began.
[[nodiscard]] err *store_get(struct store *store, struct arena *arena, str table,
    const struct json *pk, const struct json *sk,
    struct json **item) YIELDS; // *item NULL when absent

enum store_range {
    STORE_RANGE_ALL,
    STORE_RANGE_EQ,
    STORE_RANGE_LT,
    STORE_RANGE_LE,
    STORE_RANGE_GT,
    STORE_RANGE_GE,
    STORE_RANGE_BETWEEN,
    STORE_RANGE_BEGINS
};

struct store_query {
    str table;
    str index;             // none: the table itself
    const struct json *pk; // NULL: scan
    enum store_range range;
    const struct json *sk_low; // the one operand, or the lower of BETWEEN
    const struct json *sk_high;
    bool backwards;
    u32 limit;             // items evaluated (before the filter); 0 = no limit
    const str *attributes; // those that filter and caller see; NULL: all
    size_t attribute_count;
    // What the caller may see; the rest is passed by, and counts neither for `limit` nor for the
    // size of the page.
    const struct store_pred *allowed;
    const struct store_pred *filter;
    str page_token; // of an earlier page, or none
};

struct store_page {
    struct json **items;
    size_t count;
    size_t scanned;
    str next_token; // none at the end
};

// A page ends after `limit` evaluated items or about 1 MiB of them, or when 64 MiB were passed by.
// Tokens are opaque text, authenticated with the store's key and bound to table, index and
// partition; a bad one fails with ERR_INVALID. Long scans give way to other fibers; ERR_CONFLICT
// when the keys are changed meanwhile.
[[nodiscard]] err *store_query(struct store *store, struct arena *arena,
    const struct store_query *query, struct store_page *page) YIELDS;
// Compares every item's key columns and index entries with the item itself, both ways, and runs
// SQLite's own check. ERR_INTERNAL names the first disagreement. For tests and operators.
[[nodiscard]] err *store_verify(struct store *store, struct arena *arena) YIELDS;
// Exact number of items (DynamoDB only estimates it).
[[nodiscard]] err *store_count(
    struct store *store, struct arena *arena, str table, u64 *count) YIELDS;

// ---- writing -----------------------------------------------------------------------------------
enum store_write_kind { STORE_PUT, STORE_UPDATE, STORE_DELETE, STORE_CHECK };

struct store_write {
    enum store_write_kind kind;
    str table;
    const struct json *item; // PUT: whole item with its key attributes
    const struct json *pk;   // others
    const struct json *sk;
    const struct json *set; // UPDATE: object; each member replaces the attribute
    const str *remove;      // UPDATE: attribute names
    size_t remove_count;
    // UPDATE, instead of both: makes the item of what it was, or of its key alone where there was
    // none. On the writer thread, perhaps several times; what it fails with the write fails with.
    err *(*edit)(const void *arg, struct arena *arena, const struct json *item, struct json **out);
    const void *edit_arg;
    const struct store_pred *guard;     // authorisation, evaluated first: ERR_GUARD_FAILED
    const struct store_pred *condition; // ERR_CONDITION_FAILED
    bool only_absent;                   // PUT: fails with ERR_CONDITION_FAILED when the key exists
    bool only_existing; // UPDATE, DELETE: fails with ERR_CONDITION_FAILED when it does not
    // Results, in the arena given to store_write; NULL when there was or is none.
    struct json *old_item;
    struct json *new_item;
};

// Carries out all of them or none, atomically, in order; returns when durable. With several writes
// *failed (may be NULL) tells which one's condition failed. Key attributes must be of their type
// and strings in keys not empty; an index key attribute that is present with the wrong type or
// NULL fails with ERR_INVALID in DynamoDB's words; an item lacking it is simply not in the index.
[[nodiscard]] err *store_write(struct store *store, struct arena *arena, struct store_write *writes,
    size_t count, size_t *failed) YIELDS;

// ---- change stream -----------------------------------------------------------------------------
struct store_change {
    u64 sequence; // of the commit; grows, never repeats
    str table;
    const struct json *old_item; // NULL: inserted
    const struct json *new_item; // NULL: removed
};

// Called on the writer thread after the commit is durable and before its writers wake, in commit
// order; must be quick (post to a loop). Registered before the first write.
void store_watch(
    struct store *store, void (*fn)(void *arg, const struct store_change *change), void *arg);

// Consumers that must not miss a change, however often the process ends: of the tables named here
// every change is an item of the table STORE_CHANGES too, written in the same transaction: {table,
// sequence, time (epoch ms), keys, old, new}; `old` and `new` as in store_change, absent for NULL.
// The sequence, a number of 21 digits, grows. A write that changes nothing is not recorded. Whoever
// reads the items removes them. Writes to other tables cost nothing more.
#define STORE_CHANGES S("_changes")

struct store_record_options {
    const str *tables;
    size_t count;
    void (*tell)(void *arg); // there are new ones; on the writer thread, must be quick
    void *arg;
};

// In the place of what was recorded before; holds until the store is closed, not longer.
[[nodiscard]] err *store_record(
    struct store *store, struct arena *arena, const struct store_record_options *options) YIELDS;

// ---- keys --------------------------------------------------------------------------------------
// Order-preserving bytes of a key value: memcmp order equals DynamoDB's order. Fails with
// ERR_INVALID for other types, numbers beyond 38 digits or 1e126, and over-long strings
// (2,048 bytes partition, 1,024 sort).
[[nodiscard]] err *store_key_encode(
    struct arena *arena, const struct json *value, enum store_key_type type, struct buf *out);
