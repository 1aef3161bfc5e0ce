// A function's answer in pieces, as it gives them: for callers that pass it on while it runs.
#pragma once

#include "func/func.h"

enum { FUNC_STREAM_MAX = 200 * 1024 * 1024 }; // bytes of one answer, AWS's limit

struct func_stream;

// Calls a function and waits until it begins to answer, or has ended. Fails as func_invoke does.
// Closed by func_stream_close.
[[nodiscard]] err *func_stream_open(struct func_hub *hub, struct arena *arena,
    const struct func_call *call, struct func_stream **out) YIELDS;
// What the function says its answer is; none when it does not answer in pieces.
str func_stream_content_type(const struct func_stream *stream);
// The next piece, in `arena`; empty at the end. An answer that is not in pieces is one piece; the
// error of a function that failed is none.
void func_stream_read(struct func_stream *stream, struct arena *arena, str *piece) YIELDS;
// At the end: how it went.
void func_stream_result(
    const struct func_stream *stream, struct arena *arena, struct func_result *out);
// Waits for the function's end; what it still says is passed over.
void func_stream_close(struct func_stream *stream) YIELDS;
