// Runs the GraphQL engine for tests: reads commands as NDJSON on stdin, answers each with one line.
//   {"sdl": text}                    -> {"ok":true} or {"error": text}
//   {"query", "variables", "operationName", "root", "limits"}
//        -> {"syntax": {...}} | {"problems": [...]} | {"error": text} | {"body": response}
// Fields take their value from the source's member of the same name, root fields from "root". A
// field named echo... answers its arguments as JSON text; a member {"__error": text} fails.
#include "fiber/fiber.h"
#include "gql/gql.h"

#include <stdio.h>

enum { TEXT_MAX = 256 * 1024 * 1024 };

struct host {
    struct loop *loop;
    struct arena *schema_arena;
    struct gql_schema *schema;
    struct buf input;
};

static err *resolve(struct gql_call *call, struct json **out)
{
    const struct json *source = call->source != NULL ? call->source : call->request;
    if (str_starts(call->field->name, S("echo"))) {
        *out = json_string(call->arena, json_text(call->arena, call->args));
        return NULL;
    }
    *out = json_get(source, call->field->name);
    str text = json_get_str(*out, S("__error"));
    return text.ptr != NULL ? fail(call->arena, ERR_INVALID, "%.*s", PRI(text)) : NULL;
}

static void attach(struct gql_schema *schema)
{
    struct gql_type *type = NULL;
    for (size_t i = 0; (type = gql_schema_type_at(schema, i)) != NULL; i++) {
        for (size_t k = 0; k < type->field_count && !str_starts(type->name, S("__")); k++) {
            type->fields[k].resolve = resolve;
        }
    }
}

static void write_text(struct json_writer *w, str key, str text)
{
    jw_object(w);
    jw_member(w, key, text);
    jw_end_object(w);
}

static void set_schema(struct host *host, str sdl, struct json_writer *w)
{
    struct arena *arena = arena_new();
    struct gql_document *doc = NULL;
    struct gql_schema *schema = NULL;
    str text = str_dup(arena, sdl);
    err *e = gql_parse(arena, text, NULL, &doc, NULL);
    if (e == NULL) {
        e = gql_schema_build(arena, doc, &schema);
    }
    if (e != NULL) {
        write_text(w, S("error"), e->text);
        arena_free(arena);
        return;
    }
    attach(schema);
    arena_free(host->schema_arena);
    host->schema_arena = arena;
    host->schema = schema;
    jw_object(w);
    jw_key(w, S("ok"));
    jw_bool(w, true);
    jw_end_object(w);
}

static struct gql_limits limits_of(const struct json *from)
{
    struct gql_limits limits = GQL_LIMITS_DEFAULT;
    limits.depth_max = (u32)json_get_int(from, S("depth"), limits.depth_max);
    limits.fields_max = (u32)json_get_int(from, S("fields"), limits.fields_max);
    limits.resolvers_max = (u32)json_get_int(from, S("resolvers"), limits.resolvers_max);
    limits.tokens_max = (size_t)json_get_int(from, S("tokens"), (i64)limits.tokens_max);
    limits.result_max = (size_t)json_get_int(from, S("result"), (i64)limits.result_max);
    return limits;
}

static void write_place(struct json_writer *w, struct gql_pos pos)
{
    jw_key(w, S("line"));
    jw_int(w, pos.line);
    jw_key(w, S("column"));
    jw_int(w, pos.column);
}

static void write_refused(
    struct arena *arena, const struct gql_prepared *prepared, struct json_writer *w)
{
    struct buf body = buf_in(arena, TEXT_MAX);
    gql_write_problems(&body, prepared);
    jw_object(w);
    jw_key(w, S("body"));
    jw_raw(w, buf_str(&body));
    if (prepared->syntax != NULL) {
        jw_key(w, S("syntax"));
        jw_object(w);
        jw_member(w, S("message"), prepared->syntax->message);
        write_place(w, prepared->syntax->pos);
        jw_end_object(w);
    } else if (prepared->error != NULL) {
        jw_member(w, S("error"), prepared->error->text);
    } else {
        jw_key(w, S("problems"));
        jw_array(w);
        for (size_t i = 0; i < prepared->problem_count; i++) {
            jw_object(w);
            jw_member(w, S("type"), prepared->problems[i].type);
            jw_member(w, S("message"), prepared->problems[i].message);
            write_place(w, prepared->problems[i].pos);
            jw_end_object(w);
        }
        jw_end_array(w);
    }
    jw_end_object(w);
}

static void execute(struct host *host, struct arena *arena, const struct json *command,
    const struct gql_limits *limits, const struct gql_plan *plan, struct json_writer *w)
{
    struct json *variables = NULL;
    struct buf body = buf_in(arena, limits->result_max * 2 + 65536);
    err *e = gql_coerce_variables(arena, plan, json_get(command, S("variables")), &variables);
    if (e == NULL) {
        struct gql_exec exec = {.arena = arena,
            .schema = host->schema,
            .plan = plan,
            .limits = limits,
            .variables = variables,
            .request = json_get(command, S("root"))};
        e = gql_execute(&exec, &body);
    }
    if (e != NULL) {
        write_text(w, S("error"), e->text);
        return;
    }
    jw_object(w);
    jw_key(w, S("body"));
    jw_raw(w, buf_str(&body));
    jw_end_object(w);
}

static void run(
    struct host *host, struct arena *arena, const struct json *command, struct json_writer *w)
{
    struct gql_prepared prepared = {};
    struct gql_limits limits = limits_of(json_get(command, S("limits")));
    gql_prepare(arena, host->schema, json_get_str(command, S("query")),
        json_get_str(command, S("operationName")), &limits, &prepared);
    if (prepared.plan == NULL) {
        write_refused(arena, &prepared, w);
        return;
    }
    execute(host, arena, command, &limits, prepared.plan, w);
    gql_plan_free(prepared.plan);
}

static void answer(struct host *host, str line)
{
    struct arena *arena = arena_new();
    struct buf out = buf_heap(TEXT_MAX);
    struct json_writer w;
    struct json *command = NULL;
    jw_init(&w, &out);
    err *e = json_parse(arena, line, &command, NULL);
    if (e != NULL) {
        write_text(&w, S("fatal"), e->text);
    } else if (json_get(command, S("sdl")) != NULL) {
        set_schema(host, json_get_str(command, S("sdl")), &w);
    } else {
        run(host, arena, command, &w);
    }
    buf_add_char(&out, '\n');
    fwrite(out.ptr, 1, out.len, stdout);
    fflush(stdout);
    buf_free(&out);
    arena_free(arena);
}

// Reading blocks the loop's thread, which has nothing else to do.
static void serve(void *arg)
{
    struct host *host = arg;
    char piece[4096];
    for (size_t got; fgets(piece, sizeof(piece), stdin) != NULL;) {
        got = strlen(piece);
        buf_add(&host->input, (str){piece, got});
        if (piece[got - 1] == '\n') {
            answer(host, str_trim(buf_str(&host->input)));
            host->input.len = 0;
        }
    }
    loop_stop(host->loop);
}

static void start(void *arg)
{
    fiber_start("host", serve, arg);
}

int main(void)
{
    struct host host = {.loop = loop_new(0), .input = buf_heap(TEXT_MAX)};
    loop_post(host.loop, start, &host);
    loop_run(host.loop);
    loop_free(host.loop);
    arena_free(host.schema_arena);
    buf_free(&host.input);
    return 0;
}
