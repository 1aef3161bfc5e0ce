// An e-mail's text. Like Cognito's it has one part, HTML in UTF-8. Whatever comes from definitions
// and users goes through an encoding that has no line ends, so that none of it can add a header.
#include "outbox/outbox_int.h"

#include <time.h>

enum {
    MAIL_MAX = 1 << 20,
    LINE_MAX_BYTES = 76, // RFC 2045 6.7
    WORD_BYTES = 42,     // of UTF-8 in one encoded word: 56 letters of base64, 75 with the rest
    SUBJECT_MAX = 1000,  // bytes
};

static bool is_address(str text)
{
    return text.len <= 320 && outbox_is_email(text) && str_is_utf8(text) &&
           str_find_char(text, 0x7f) < 0;
}

// Control characters become spaces, what is too long is cut at a whole character.
static str one_line(struct arena *arena, str text)
{
    bool bad = false;
    char *copy = str_cstr(arena, str_sub(text, 0, SUBJECT_MAX));
    size_t len = text.len < SUBJECT_MAX ? text.len : SUBJECT_MAX;
    for (size_t i = 0; i < len; i++) {
        copy[i] = (u8)copy[i] < ' ' || copy[i] == 0x7f ? ' ' : copy[i];
    }
    return (str){copy, str_utf8_prefix((str){copy, len}, &bad)};
}

static bool is_plain(str text, const char *not_these)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((u8)text.ptr[i] < ' ' || (u8)text.ptr[i] >= 0x7f ||
            strchr(not_these, text.ptr[i]) != NULL) {
            return false;
        }
    }
    return text.len <= LINE_MAX_BYTES - 16 && str_find(text, S("=?")) < 0;
}

// RFC 2047: "=?UTF-8?B?...?=", as many as it takes, each of whole characters, on lines of their
// own.
static void add_words(struct arena *arena, struct buf *out, str text)
{
    bool bad = false;
    for (bool first = true; text.len > 0; first = false) {
        size_t len = str_utf8_prefix(str_sub(text, 0, WORD_BYTES), &bad);
        check(len > 0); // one_line left whole characters only
        buf_add(out, first ? S("=?UTF-8?B?") : S("\r\n =?UTF-8?B?"));
        buf_add(out, base64_encode(arena, str_sub(text, 0, len)));
        buf_add(out, S("?="));
        text = str_sub(text, len, text.len);
    }
}

static void add_subject(struct arena *arena, struct buf *out, str subject)
{
    subject = one_line(arena, subject);
    buf_add(out, S("Subject: "));
    if (is_plain(subject, "")) {
        buf_add(out, subject);
    } else {
        add_words(arena, out, subject);
    }
    buf_add(out, S("\r\n"));
}

static void add_person(
    struct arena *arena, struct buf *out, const char *header, str name, str address)
{
    name = str_trim(one_line(arena, name));
    buf_fmt(out, "%s: ", header);
    if (name.len > 0 && is_plain(name, "\"\\")) {
        buf_fmt(out, "\"%.*s\" ", PRI(name));
    } else if (name.len > 0) {
        add_words(arena, out, name);
        buf_add(out, S("\r\n "));
    }
    buf_fmt(out, "<%.*s>\r\n", PRI(address));
}

// RFC 2045 6.7. Every line end is a CRLF; a space before one is written out.
static void add_quoted_printable(struct buf *out, str text)
{
    size_t column = 0;
    for (size_t i = 0; i < text.len; i++) {
        u8 c = (u8)text.ptr[i];
        bool ends = c == '\n' || (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n');
        if (ends) {
            i += c == '\r' ? 1 : 0;
            buf_add(out, S("\r\n"));
            column = 0;
            continue;
        }
        char next = i + 1 < text.len ? text.ptr[i + 1] : '\n';
        bool space = (c == ' ' || c == '\t') && next != '\n' && next != '\r';
        bool literal = (c > ' ' && c < 0x7f && c != '=') || space;
        size_t width = literal ? 1 : 3;
        if (column + width >= LINE_MAX_BYTES) {
            buf_add(out, S("=\r\n"));
            column = 0;
        }
        if (literal) {
            buf_add_char(out, (char)c);
        } else {
            buf_fmt(out, "=%02X", c);
        }
        column += width;
    }
}

static void add_date(struct buf *out, u64 time_s)
{
    static const char DAYS[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[][4] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)time_s;
    struct tm tm;
    check(gmtime_r(&seconds, &tm) != NULL);
    buf_fmt(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", DAYS[tm.tm_wday], tm.tm_mday,
        MONTHS[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

err *outbox_mail_text(struct arena *arena, const struct outbox_mail *mail, str *out)
{
    struct buf text = buf_in(arena, MAIL_MAX);
    bool replies = mail->reply_to.len > 0;
    check(mail->id.len > 0);
    if (!is_address(mail->from) || !is_address(mail->to) ||
        (replies && !is_address(mail->reply_to))) {
        return fail(arena, ERR_INVALID, "an address of the e-mail is none");
    }
    ptrdiff_t at = str_rfind_char(mail->from, '@');
    add_date(&text, mail->time_s);
    buf_fmt(&text, "Message-ID: <%.*s%.*s>\r\n", PRI(mail->id),
        PRI(str_sub(mail->from, (size_t)at, mail->from.len)));
    add_person(arena, &text, "From", mail->from_name, mail->from);
    if (replies) {
        add_person(arena, &text, "Reply-To", (str){}, mail->reply_to);
    }
    add_person(arena, &text, "To", (str){}, mail->to);
    add_subject(arena, &text, mail->subject);
    buf_add(&text, S("MIME-Version: 1.0\r\nContent-Type: text/html; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n"
                     "Auto-Submitted: auto-generated\r\n\r\n"));
    add_quoted_printable(&text, mail->html);
    buf_add(&text, S("\r\n"));
    *out = buf_str(&text);
    return text.overflow ? fail(arena, ERR_TOO_LARGE, "the e-mail is larger than 1 MiB") : NULL;
}
