// Shared inside the folder.
#pragma once

#include "crypto/crypto.h"

// Holds `<dir>/crypto.lock` against other processes until the descriptor is closed: two that start
// at the same time must not make two keys. Makes the folder. Blocks the thread.
[[nodiscard]] err *crypto_lock(struct arena *arena, const char *dir, int *fd);
// Closes it, unless it is -1: for the cleanup attribute.
void crypto_unlock(int *fd);
#define AUTO_UNLOCK __attribute__((cleanup(crypto_unlock)))

// Writes a file atomically. Root working in another user's folder (sudo) leaves it to the
// folder's owner, who could not read it otherwise.
[[nodiscard]] err *crypto_write(
    struct arena *arena, const char *dir, const char *path, str bytes, int mode);
