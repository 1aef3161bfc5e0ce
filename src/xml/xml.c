// Reading XML by expat.
#include "xml/xml.h"

#include <expat.h>
#include <limits.h>

enum { DEPTH_MAX = 16, NODES_MAX = 100000 };

struct parsing {
    struct arena *arena;
    XML_Parser parser;
    struct xml_node *stack[DEPTH_MAX];
    size_t depth;
    size_t nodes;
    struct buf text;
    struct xml_node *root;
    bool refused;
};

static void refuse(struct parsing *parsing)
{
    parsing->refused = true;
    XML_StopParser(parsing->parser, XML_FALSE);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct parsing *parsing = arg;
    (void)attributes;
    if (parsing->depth == DEPTH_MAX || ++parsing->nodes > NODES_MAX) {
        refuse(parsing);
        return;
    }
    const char *colon = strrchr(name, ':');
    struct xml_node *node = arena_new_of(parsing->arena, struct xml_node);
    node->name = str_dup(parsing->arena, str_from(colon != NULL ? colon + 1 : name));
    if (parsing->depth == 0) {
        parsing->root = node;
    } else {
        struct xml_node *parent = parsing->stack[parsing->depth - 1];
        *(parent->last != NULL ? &parent->last->next : &parent->child) = node;
        parent->last = node;
    }
    parsing->stack[parsing->depth++] = node;
    parsing->text.len = 0;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int size)
{
    struct parsing *parsing = arg;
    buf_add(&parsing->text, (str){text, (size_t)size});
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct parsing *parsing = arg;
    (void)name;
    check(parsing->depth > 0);
    struct xml_node *node = parsing->stack[--parsing->depth];
    if (node->child == NULL) {
        node->text = str_dup(parsing->arena, buf_str(&parsing->text));
    }
    parsing->text.len = 0;
}

// Entities of one's own are what XML is attacked with; nobody needs them here.
static void XMLCALL on_doctype(
    void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int has_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_subset;
    refuse(arg);
}

err *xml_read(struct arena *arena, str text, struct xml_node **out)
{
    struct parsing parsing = {
        .arena = arena, .parser = XML_ParserCreate("UTF-8"), .text = buf_in(arena, text.len + 1)};
    check(parsing.parser != NULL && text.len < INT_MAX);
    XML_SetUserData(parsing.parser, &parsing);
    XML_SetElementHandler(parsing.parser, on_start, on_end);
    XML_SetCharacterDataHandler(parsing.parser, on_text);
    XML_SetStartDoctypeDeclHandler(parsing.parser, on_doctype);
    bool ok = XML_Parse(parsing.parser, text.ptr, (int)text.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(parsing.parser);
    if (!ok || parsing.refused) {
        return fail(arena, ERR_SYNTAX, "this is no well-formed XML, or more than is read");
    }
    *out = parsing.root;
    return NULL;
}

str xml_child(const struct xml_node *node, const char *name)
{
    for (const struct xml_node *at = node->child; at != NULL; at = at->next) {
        if (str_eq(at->name, str_from(name))) {
            return at->text;
        }
    }
    return (str){};
}
