// The way of an answer's pieces from the loop of the process to that of the caller: a bounded
// queue.
#include "func/func_int.h"

#include <pthread.h>

enum { STREAM_MAGIC = 0x6673746d, QUEUED_MAX = 256 * 1024 };

struct piece {
    struct piece *next;
    size_t len;
    char bytes[];
};

struct func_stream {
    u32 magic;
    atomic_int references; // the reader's, and a writer's
    struct invocation *call;
    pthread_mutex_t lock; // of those below
    struct piece *first;
    struct piece **last;
    size_t queued;       // bytes
    struct wake *reader; // waits for something to read
    struct wake *writer; // waits for room
    bool has_begun;
    bool has_ended;
    bool is_unwanted; // the reader has gone
    char content_type[256];
};

struct func_stream *stream_new(struct invocation *call)
{
    struct func_stream *stream = mem_new(struct func_stream);
    stream->magic = STREAM_MAGIC;
    stream->call = call;
    stream->last = &stream->first;
    atomic_init(&stream->references, 1);
    check(pthread_mutex_init(&stream->lock, NULL) == 0);
    return stream;
}

const struct invocation *stream_call(const struct func_stream *stream)
{
    check_magic(stream, STREAM_MAGIC);
    return stream->call;
}

struct func_stream *stream_hold(struct func_stream *stream)
{
    check_magic(stream, STREAM_MAGIC);
    check(atomic_fetch_add(&stream->references, 1) > 0);
    return stream;
}

static void drop_pieces(struct func_stream *stream)
{
    while (stream->first != NULL) {
        struct piece *piece = stream->first;
        stream->first = piece->next;
        mem_free(piece);
    }
    stream->last = &stream->first;
    stream->queued = 0;
}

void stream_release(struct func_stream *stream)
{
    check_magic(stream, STREAM_MAGIC);
    if (atomic_fetch_sub(&stream->references, 1) == 1) {
        drop_pieces(stream);
        stream->magic = 0;
        pthread_mutex_destroy(&stream->lock);
        mem_free(stream);
    }
}

static void lock(struct func_stream *stream)
{
    check_magic(stream, STREAM_MAGIC);
    check(pthread_mutex_lock(&stream->lock) == 0);
}

static void unlock(struct func_stream *stream)
{
    check(pthread_mutex_unlock(&stream->lock) == 0);
}

// With the lock held.
static void wake_one(struct wake **waiting)
{
    struct wake *wake = *waiting;
    *waiting = NULL;
    if (wake != NULL) {
        wake_send(wake);
    }
}

// ---- writing -----------------------------------------------------------------------------------

void stream_begin(struct func_stream *stream, str content_type)
{
    lock(stream);
    str fits = str_sub(content_type, 0, sizeof(stream->content_type) - 1);
    memcpy(stream->content_type, fits.len > 0 ? fits.ptr : "", fits.len);
    stream->has_begun = true;
    wake_one(&stream->reader);
    unlock(stream);
}

bool stream_put(struct func_stream *stream, str bytes)
{
    struct piece *piece = mem_alloc(sizeof(struct piece) + bytes.len);
    piece->len = bytes.len;
    memcpy(piece->bytes, bytes.ptr, bytes.len);
    lock(stream);
    while (stream->queued > QUEUED_MAX && !stream->is_unwanted && !stream->has_ended) {
        struct wake wake = {};
        wake_init(&wake);
        stream->writer = &wake;
        unlock(stream);
        wake_wait(&wake);
        lock(stream);
    }
    bool wanted = !stream->is_unwanted && !stream->has_ended;
    if (wanted) {
        *stream->last = piece;
        stream->last = &piece->next;
        stream->queued += piece->len;
        wake_one(&stream->reader);
    }
    unlock(stream);
    if (!wanted) {
        mem_free(piece);
    }
    return wanted;
}

void stream_end(struct func_stream *stream)
{
    struct func_stream *held = stream_hold(stream);
    lock(held);
    held->has_ended = true;
    wake_one(&held->writer);
    wake_one(&held->reader);
    unlock(held);
    stream_release(held);
}

// ---- reading -----------------------------------------------------------------------------------

// With the lock held, which is given up meanwhile.
static void wait_here(struct func_stream *stream) YIELDS;

static void wait_here(struct func_stream *stream)
{
    struct wake wake = {};
    wake_init(&wake);
    check(stream->reader == NULL);
    stream->reader = &wake;
    unlock(stream);
    wake_wait(&wake);
    lock(stream);
}

void stream_wait(struct func_stream *stream)
{
    lock(stream);
    while (!stream->has_begun && !stream->has_ended) {
        wait_here(stream);
    }
    unlock(stream);
}

str func_stream_content_type(const struct func_stream *stream)
{
    check_magic(stream, STREAM_MAGIC);
    return str_from(stream->content_type); // set before anybody reads
}

// What a function that does not answer in pieces has returned.
static str whole_answer(struct func_stream *stream, struct arena *arena)
{
    struct func_result *result = &stream->call->result;
    str answer = stream->has_begun || result->failed ? (str){} : str_dup(arena, result->payload);
    stream->has_begun = true;
    return answer;
}

void func_stream_read(struct func_stream *stream, struct arena *arena, str *out)
{
    lock(stream);
    while (stream->first == NULL && !stream->has_ended) {
        wait_here(stream);
    }
    struct piece *piece = stream->first;
    if (piece != NULL) {
        stream->first = piece->next;
        stream->last = stream->first == NULL ? &stream->first : stream->last;
        stream->queued -= piece->len;
        *out = str_dup(arena, (str){piece->bytes, piece->len});
        wake_one(&stream->writer);
    } else {
        *out = whole_answer(stream, arena);
    }
    unlock(stream);
    mem_free(piece);
}

void func_stream_close(struct func_stream *stream)
{
    lock(stream);
    stream->is_unwanted = true;
    drop_pieces(stream);
    wake_one(&stream->writer);
    while (!stream->has_ended) {
        wait_here(stream);
    }
    unlock(stream);
    arena_free(stream->call->arena);
    stream->call = NULL;
    stream_release(stream);
}
