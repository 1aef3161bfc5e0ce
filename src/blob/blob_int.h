// Shared inside the folder.
#pragma once

#include "blob/blob.h"

#include <stdatomic.h>

enum { BLOB_STORE_MAGIC = 0x626c6f62, BLOB_PATH_MAX = 1024, BLOB_FOLDERS = 256 };

struct blob_store {
    u32 magic;
    struct arena *arena;
    const char *folder;
    const char *new_folder;
    u64 epoch;
    atomic_ullong next; // number
    // Of this epoch: those that would be found after a power loss. Set by whoever has synced what
    // they lie in; that a folder is there does not tell that it has been synced.
    atomic_bool has_folder[BLOB_FOLDERS];
    // Former epochs whose mark is off: of their files some are being removed.
    uv_mutex_t lock;
    vec_of(u64) opened;      // in `arena`, under the lock
    atomic_bool left_behind; // a file that could not be removed
};

struct blob_path {
    unsigned index; // of the folder, below BLOB_FOLDERS
    char folder[BLOB_PATH_MAX];
    char file[BLOB_PATH_MAX + 64];
};

// Makes what happened in a folder (its names) durable. Blocks.
bool blob_sync_folder(const char *path);
// Where a blob lies; false for a text that is no id.
bool blob_path(const struct blob_store *store, str id, struct blob_path *out);
// What errno says, in `arena`.
[[nodiscard]] err *blob_io_error(struct arena *arena, int code, const char *doing);
