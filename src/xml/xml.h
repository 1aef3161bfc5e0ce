// Strict reading of small XML documents into a tree of an arena: what S3's clients and
// S3-compatible stores send.
#pragma once

#include "base/base.h"

// Elements by name, texts of leaves. Prefixes of namespaces, attributes and comments are ignored.
struct xml_node {
    str name;
    str text;
    struct xml_node *child;
    struct xml_node *next;
    struct xml_node *last;
};

// The root. ERR_SYNTAX for what is not well-formed, has a document type, is nested deeper than 16
// or has more than 100,000 elements.
[[nodiscard]] err *xml_read(struct arena *arena, str text, struct xml_node **out);
// The text of the first child of that name; none when there is none.
str xml_child(const struct xml_node *node, const char *name);
