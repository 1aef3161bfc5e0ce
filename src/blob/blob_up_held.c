// Who reads what: a blob of the upstream is not removed while somebody does.
#include "blob/blob_int.h"

struct being_read {
    size_t readers;
    bool gone; // it is to be removed once nobody reads it
    char id[]; // the map's key
};

void blob_up_hold(struct blob_upstream *upstream, str id)
{
    uv_mutex_lock(&upstream->lock);
    struct being_read *read = map_get(upstream->read, id);
    if (read == NULL) {
        read = mem_alloc(sizeof(*read) + id.len);
        memcpy(read->id, id.ptr, id.len);
        map_set(upstream->read, (str){read->id, id.len}, read);
    }
    read->readers++;
    uv_mutex_unlock(&upstream->lock);
}

bool blob_up_let_go(struct blob_upstream *upstream, str id)
{
    bool gone = false;
    uv_mutex_lock(&upstream->lock);
    struct being_read *read = map_get(upstream->read, id);
    check(read != NULL && read->readers > 0);
    if (--read->readers == 0) {
        gone = read->gone;
        map_remove(upstream->read, id);
        mem_free(read);
    }
    uv_mutex_unlock(&upstream->lock);
    return gone;
}

bool blob_up_is_read(struct blob_upstream *upstream, str id, bool remove)
{
    uv_mutex_lock(&upstream->lock);
    struct being_read *read = map_get(upstream->read, id);
    if (read != NULL && remove) {
        read->gone = true;
    }
    uv_mutex_unlock(&upstream->lock);
    return read != NULL;
}
