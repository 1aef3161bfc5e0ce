// The inbox: what is in the outbox as a page that keeps itself current, and as JSON.
#include "outbox/outbox_int.h"

enum { SHOWN_MAX = 16 * 1024 * 1024, WAIT_MAX_S = 60 };

// Codes are for the person at this machine: not for the network, and not for a page whose server
// pretends that its name is this machine's.
static bool is_from_here(const struct http_req *req)
{
    str host = req->host;
    ptrdiff_t colon = str_rfind_char(host, ':');
    bool has_port = colon >= 0 && (host.ptr[0] != '[' || host.ptr[colon - 1] == ']');
    host = has_port ? str_sub(host, 0, (size_t)colon) : host;
    bool named = str_eq_nocase(host, S("localhost")) || str_eq(host, S("127.0.0.1")) ||
                 str_eq(host, S("[::1]"));
    bool near = str_starts(req->peer, S("127.")) || str_starts(req->peer, S("::1")) ||
                str_starts(req->peer, S("[::1]")) || str_starts(req->peer, S("::ffff:127."));
    return named && near;
}

static err *refuse_far(struct http_req *req) YIELDS;

static err *refuse_far(struct http_req *req)
{
    return http_reply(req, 403, S("text/plain; charset=utf-8"),
        S("The inbox can be read on the machine that ampd runs on, as http://localhost:PORT.\n"));
}

static err *wait_for(struct http_req *req, struct outbox *outbox, str address) YIELDS;

static err *wait_for(struct http_req *req, struct outbox *outbox, str address)
{
    u64 seconds = 0;
    struct json *message = NULL;
    bool given = str_to_u64(http_query(req, S("seconds")), &seconds) && seconds <= WAIT_MAX_S;
    TRY(outbox_take(
        outbox, req->arena, address, 1000 * (given ? seconds : (u64)WAIT_MAX_S), &message));
    return message != NULL
               ? http_reply(req, 200, S("application/json"), json_text(req->arena, message))
               : http_reply_empty(req, 204);
}

static void add_html(struct buf *out, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        buf_add(out, c == '<'   ? S("&lt;")
                     : c == '>' ? S("&gt;")
                     : c == '&' ? S("&amp;")
                     : c == '"' ? S("&quot;")
                                : str_sub(text, i, i + 1));
    }
}

str outbox_html(struct arena *arena, str text)
{
    struct buf out = buf_in(arena, SHOWN_MAX);
    add_html(&out, text);
    return buf_str(&out);
}

static void add_element(struct buf *out, const char *begin, str text, const char *end)
{
    if (text.len > 0) {
        buf_add(out, str_from(begin));
        add_html(out, text);
        buf_add(out, str_from(end));
    }
}

static void add_html_message(struct buf *out, const struct json *message)
{
    add_element(out, "<article><header><b>", json_get_str(message, S("to")), "</b> ");
    add_element(out, "<small>", json_get_str(message, S("medium")), " &middot; ");
    add_element(out, "<time>", json_get_str(message, S("at")), "</time></small></header>");
    add_element(out, "<h2>", json_get_str(message, S("subject")), "</h2>");
    add_element(out, "<pre>", json_get_str(message, S("text")), "</pre>");
    add_element(
        out, "<button class=code title=\"Copy\">", json_get_str(message, S("code")), "</button>");
    add_element(out, "<p><a href=\"", json_get_str(message, S("link")), "\">Open the link</a></p>");
    buf_add(out, S("</article>"));
}

static void add_html_list(struct buf *out, const struct json *list)
{
    json_each (message, list) {
        add_html_message(out, message);
    }
    buf_add(out,
        list->count == 0 ? S("<p class=none>Nothing yet. It appears here by itself.</p>") : S(""));
}

static const char PAGE_BEGIN[] =
    "<!doctype html><html lang=en><meta charset=utf-8><title>Inbox - ampd</title>"
    "<meta name=viewport content=\"width=device-width\"><meta name=color-scheme content=\"light "
    "dark\"><noscript><meta http-equiv=refresh content=3></noscript>"
    "<style>:root{--page:#f4f5f7;--card:#fff;--line:#dfe3e8;--text:#1b1f24;--soft:#5c6773;"
    "--accent:#0a7d5a}@media(prefers-color-scheme:dark){:root{--page:#14171a;--card:#1d2125;"
    "--line:#31373d;--text:#e8eaed;--soft:#9aa4ae;--accent:#4fd1a5}}body{font:16px/1.5 system-ui,"
    "sans-serif;max-width:42rem;margin:2.5rem auto;padding:0 1rem;background:var(--page);"
    "color:var(--text)}h1{font-size:1.5rem;margin:0}h1+p{margin:.25rem 0 1.5rem;"
    "color:var(--soft)}article{background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;padding:1rem 1.25rem;margin:1rem 0;overflow-wrap:anywhere}header{display:"
    "flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1rem}h2{font-size:1rem;margin:"
    ".5rem 0 0}pre{white-space:pre-wrap;font:inherit;margin:.25rem 0}small,.none{color:"
    "var(--soft)}.code{font:600 1.6rem ui-monospace,monospace;letter-spacing:.12em;color:"
    "var(--accent);background:none;border:1px dashed var(--line);border-radius:8px;padding:.2rem "
    ".75rem;margin:.5rem 0;cursor:copy}a{color:var(--accent)}#gone{display:none}.gone #gone{"
    "display:block}.gone main{opacity:.5}</style>"
    "<script src=/_ampd/inbox.js defer></script>"
    "<h1>Inbox</h1><p>Every e-mail and text message of this backend, newest first.</p>"
    "<p id=gone role=status>ampd does not answer at present.</p><main aria-live=polite "
    "data-newest=";

// Looks every second whether there is something new; a click on a code copies it.
static const char SCRIPT[] =
    "const list = document.querySelector('main');\n"
    "const times = () => list.querySelectorAll('time').forEach((time) => {\n"
    "  time.dateTime ||= time.textContent;\n"
    "  time.textContent = new Date(time.dateTime).toLocaleString();\n"
    "});\n"
    "async function look() {\n"
    "  try {\n"
    "    const answer = await fetch(`/_ampd/inbox?since=${list.dataset.newest}`, "
    "{ headers: { accept: 'text/html' } });\n"
    "    if (answer.status === 200) {\n"
    "      list.innerHTML = await answer.text();\n"
    "      list.dataset.newest = answer.headers.get('x-ampd-newest');\n"
    "      times();\n"
    "    }\n"
    "    document.body.classList.toggle('gone', !answer.ok);\n"
    "  } catch {\n"
    "    document.body.classList.add('gone');\n"
    "  }\n"
    "  setTimeout(look, document.hidden ? 5000 : 1000);\n"
    "}\n"
    "list.addEventListener('click', ({ target }) => {\n"
    "  if (target.className === 'code') navigator.clipboard?.writeText(target.textContent);\n"
    "});\n"
    "times();\n"
    "setTimeout(look, 1000);\n";

// The whole page, or with `since` only the list, and nothing while that is the newest message.
static err *reply_page(struct http_req *req, struct outbox *outbox, str since) YIELDS;

static err *reply_page(struct http_req *req, struct outbox *outbox, str since)
{
    struct json *list = NULL;
    str newest = {};
    struct buf out = buf_in(req->arena, SHOWN_MAX);
    TRY(outbox_newest(outbox, req->arena, &newest));
    if (str_eq(since, newest)) {
        return http_reply_empty(req, 204);
    }
    TRY(outbox_list(outbox, req->arena, &list));
    if (since.len == 0) {
        buf_add(&out, str_from(PAGE_BEGIN));
        buf_add(&out, newest);
        buf_add(&out, S(">"));
    }
    add_html_list(&out, list);
    http_add_header(req, S("X-Ampd-Newest"), newest);
    http_add_header(req, S("Content-Security-Policy"),
        S("default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
    return http_reply(req, 200, S("text/html; charset=utf-8"), buf_str(&out));
}

static err *inbox(struct http_req *req) YIELDS;

static err *inbox(struct http_req *req)
{
    struct outbox *outbox = req->route_arg;
    struct json *list = NULL;
    str wanted = http_query(req, S("wait"));
    struct buf out = buf_in(req->arena, SHOWN_MAX);
    if (!is_from_here(req)) {
        return refuse_far(req);
    }
    http_add_header(req, S("Cache-Control"), S("no-store"));
    if (wanted.len > 0) {
        return wait_for(req, outbox, wanted);
    }
    if (str_find(http_header(req, S("accept")), S("text/html")) >= 0) {
        return reply_page(req, outbox, http_query(req, S("since")));
    }
    TRY(outbox_list(outbox, req->arena, &list));
    json_write(&out, list);
    return http_reply(req, 200, S("application/json"), buf_str(&out));
}

static err *inbox_script(struct http_req *req) YIELDS;

static err *inbox_script(struct http_req *req)
{
    http_add_header(req, S("Cache-Control"), S("no-cache"));
    http_add_header(req, S("X-Content-Type-Options"), S("nosniff"));
    return http_reply(req, 200, S("text/javascript; charset=utf-8"), str_from(SCRIPT));
}

void outbox_mount(struct outbox *outbox, struct http_router *router)
{
    check_magic(outbox, OUTBOX_MAGIC);
    http_router_add(router,
        &(struct http_route){
            .methods = HTTP_GET, .path = S("/_ampd/inbox"), .handler = inbox, .arg = outbox});
    http_router_add(
        router, &(struct http_route){
                    .methods = HTTP_GET, .path = S("/_ampd/inbox.js"), .handler = inbox_script});
}
