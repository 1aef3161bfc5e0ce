// XML out, and in (xml), in S3's words.
#include "object/object_int.h"

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

err *xml_parse(struct arena *arena, str text, const char *root, struct xml_node **out)
{
    err *e = xml_read(arena, text, out);
    check(text.len <= XML_MAX);
    return e != NULL || !str_eq((*out)->name, str_from(root))
               ? s3_refuse(arena, "MalformedXML", "%s", "")
               : NULL;
}
