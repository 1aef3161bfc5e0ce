// Lists that an upstream sends: any text is refused or read; what is read are ids of blobs.
#include "blob/blob_int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct arena *arena = arena_new();
    struct blob_list list = {};
    str prefix = S("blobs/");
    err *e = blob_list_read(arena, (str){(const char *)data, size}, prefix, &list);
    check(e == NULL || (e->code == ERR_SYNTAX && e->text.len > 0));
    for (size_t i = 0; e == NULL && i < list.entries.count; i++) {
        const struct blob_list_entry *entry = &list.entries.items[i];
        check(blob_is_remote(entry->id) && entry->id.len < BLOB_ID_MAX && entry->modified_ms > 0);
        check(str_find_char(entry->id, '/') < 0 && str_find_char(entry->id, '<') < 0);
    }
    check(list.next.len <= size);
    arena_free(arena);
    return 0;
}
