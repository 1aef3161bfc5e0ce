// XML out, and in by expat.
#include "object/object_int.h"

#include <expat.h>

enum { DEPTH_MAX = 16, NODES_MAX = 100000 };

// ---- writing -----------------------------------------------------------------------------------

void xml_open(struct s3_xml *xml, const char *element)
{
    buf_fmt(xml->out, "<%s>", element);
}

void xml_close(struct s3_xml *xml, const char *element)
{
    buf_fmt(xml->out, "</%s>", element);
}

// Characters that XML cannot carry are left as they are: who lists such keys asks for url encoding.
static void add_escaped(struct buf *out, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&': buf_add(out, S("&amp;")); break;
        case '<': buf_add(out, S("&lt;")); break;
        case '>': buf_add(out, S("&gt;")); break;
        case '"': buf_add(out, S("&quot;")); break;
        case '\r': buf_add(out, S("&#13;")); break;
        default: buf_add(out, str_sub(text, i, i + 1));
        }
    }
}

void xml_text(struct s3_xml *xml, const char *element, str text)
{
    xml_open(xml, element);
    add_escaped(xml->out, text);
    xml_close(xml, element);
}

void xml_number(struct s3_xml *xml, const char *element, u64 value)
{
    buf_fmt(xml->out, "<%s>%llu</%s>", element, (unsigned long long)value, element);
}

// As clients decode it: a space is a plus.
static void add_url(struct buf *out, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        u8 byte = (u8)text.ptr[i];
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.' ||
                     byte == '*' || byte == '/';
        if (plain) {
            buf_add(out, str_sub(text, i, i + 1));
        } else if (byte == ' ') {
            buf_add(out, S("+"));
        } else {
            buf_fmt(out, "%%%02X", byte);
        }
    }
}

void xml_key(struct s3_xml *xml, const char *element, str key)
{
    if (!xml->url) {
        xml_text(xml, element, key);
        return;
    }
    xml_open(xml, element);
    add_url(xml->out, key);
    xml_close(xml, element);
}

struct buf s3_xml_begin(struct s3_call *call, struct s3_xml *xml, const char *root)
{
    struct buf out = buf_in(call->arena, 64 * 1024 * 1024);
    check(xml != NULL && root != NULL);
    buf_add(&out, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    buf_fmt(&out, "<%s xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">", root);
    return out;
}

err *s3_xml_reply(struct s3_call *call, struct s3_xml *xml, const char *root)
{
    xml_close(xml, root);
    return xml->out->overflow ? fail(call->arena, ERR_TOO_LARGE, "the answer is too large")
                              : http_reply(call->req, 200, S("application/xml"), buf_str(xml->out));
}

// ---- reading -----------------------------------------------------------------------------------

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

err *xml_parse(struct arena *arena, str text, const char *root, struct xml_node **out)
{
    struct parsing parsing = {
        .arena = arena, .parser = XML_ParserCreate("UTF-8"), .text = buf_in(arena, XML_MAX)};
    check(parsing.parser != NULL && text.len <= XML_MAX);
    XML_SetUserData(parsing.parser, &parsing);
    XML_SetElementHandler(parsing.parser, on_start, on_end);
    XML_SetCharacterDataHandler(parsing.parser, on_text);
    XML_SetStartDoctypeDeclHandler(parsing.parser, on_doctype);
    bool ok = XML_Parse(parsing.parser, text.ptr, (int)text.len, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(parsing.parser);
    if (!ok || parsing.refused || !str_eq(parsing.root->name, str_from(root))) {
        return s3_refuse(arena, "MalformedXML", "%s", "");
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
