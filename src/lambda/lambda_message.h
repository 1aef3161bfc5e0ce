// Messages of an event stream, the binary framing of AWS's streaming answers. Source: "Event stream
// encoding" of the Smithy specification (application/vnd.amazon.eventstream).
#pragma once

#include "base/base.h"

struct lambda_header {
    str name;
    str value; // a text, shorter than 64 KiB
};

// A whole message with its checksums, in `arena`.
str lambda_message(
    struct arena *arena, const struct lambda_header *headers, size_t count, str payload);
