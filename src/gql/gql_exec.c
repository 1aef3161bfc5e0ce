// Execution (section 6): completed values go straight into the response; where a null has to move
// up, the response is cut back to where the nullable parent began.
#include "gql/gql_int.h"

const struct gql_limits GQL_LIMITS_DEFAULT = {
    .depth_max = 75,
    .fields_max = 10000,
    .resolvers_max = 10000,
    .tokens_max = 100000,
    .result_max = 5 * 1024 * 1024,
};

struct path {
    const struct path *parent;
    str key; // none: an index
    size_t index;
};

struct state {
    struct gql_exec *exec;
    struct arena *arena;
    struct buf *out;
    struct buf errors; // JSON objects with commas between
    u32 resolvers;
    bool by_name;                     // payload: fields under their own names
    const struct gql_field_def *root; // in execution
    const struct json *error_data;    // of the next error of a resolver
    const struct json *error_info;
    err *fatal;
};

// ---- errors --------------------------------------------------------------------------------

static void write_path(struct json_writer *w, const struct path *path)
{
    if (path == NULL) {
        return;
    }
    write_path(w, path->parent);
    if (path->key.ptr != NULL) {
        jw_string(w, path->key);
    } else {
        jw_int(w, (i64)path->index);
    }
}

static void path_text(struct buf *out, const struct path *path)
{
    if (path == NULL) {
        return;
    }
    path_text(out, path->parent);
    if (path->key.ptr != NULL) {
        buf_add_char(out, '/');
        buf_add(out, path->key);
    } else {
        buf_fmt(out, "[%zu]", path->index);
    }
}

static struct json_writer *begin_error(
    struct state *s, struct json_writer *w, const struct path *path)
{
    if (s->errors.len > 0) {
        buf_add_char(&s->errors, ',');
    }
    jw_init(w, &s->errors);
    jw_object(w);
    jw_key(w, S("path"));
    jw_array(w);
    write_path(w, path);
    jw_end_array(w);
    return w;
}

static void write_text_or_null(struct json_writer *w, str key, str text)
{
    jw_key(w, key);
    if (text.len > 0) {
        jw_string(w, text);
    } else {
        jw_null(w);
    }
}

static void write_location(struct json_writer *w, struct gql_pos pos)
{
    jw_key(w, S("locations"));
    jw_array(w);
    jw_object(w);
    jw_key(w, S("line"));
    jw_int(w, pos.line);
    jw_key(w, S("column"));
    jw_int(w, pos.column);
    jw_key(w, S("sourceName"));
    jw_null(w);
    jw_end_object(w);
    jw_end_array(w);
}

struct field_error {
    str message;
    str type;
    const struct json *info;
    const struct json *data;
};

static void add_error(
    struct state *s, const struct path *path, struct gql_pos pos, struct field_error error)
{
    struct json_writer writer;
    struct json_writer *w = begin_error(s, &writer, path);
    jw_key(w, S("data"));
    jw_value(w, error.data);
    write_text_or_null(w, S("errorType"), error.type);
    jw_key(w, S("errorInfo"));
    jw_value(w, error.info);
    write_location(w, pos);
    jw_member(w, S("message"), error.message);
    jw_end_object(w);
}

static void add_null_error(struct state *s, const struct path *path, const struct gql_type_ref *ref,
    const struct gql_type *parent)
{
    struct json_writer writer;
    struct json_writer *w = begin_error(s, &writer, path);
    struct buf where = buf_in(s->arena, 64 * 1024);
    path_text(&where, path);
    str type = gql_ref_text(s->arena, ref->of);
    jw_key(w, S("locations"));
    jw_null(w);
    str message = str_fmt(s->arena,
        "Cannot return null for non-nullable type: '%.*s' within parent '%.*s' (%.*s)", PRI(type),
        PRI(parent->name), PRI(buf_str(&where)));
    jw_member(w, S("message"), message);
    jw_end_object(w);
}

// ---- completing values -----------------------------------------------------------------------

struct spot { // where a value is being completed
    const struct gql_plan_field *field;
    const struct gql_type *parent;
    const struct path *path;
};

static bool write_object(struct state *s, const struct gql_plan_object *object,
    const struct json *source, const struct path *path) YIELDS;
static bool complete(struct state *s, const struct gql_type_ref *ref, const struct json *value,
    const struct spot *spot) YIELDS;

__attribute__((noinline, cold)) static bool leaf_error(
    struct state *s, const struct spot *spot, str message)
{
    struct buf where = buf_in(s->arena, 64 * 1024);
    path_text(&where, spot->path);
    str text = str_fmt(
        s->arena, "Can't serialize value (%.*s) : %.*s", PRI(buf_str(&where)), PRI(message));
    add_error(s, spot->path, spot->field->pos, (struct field_error){.message = text});
    return false;
}

__attribute__((noinline)) static bool complete_leaf(
    struct state *s, const struct gql_type *type, const struct json *value, const struct spot *spot)
{
    struct json *wire = NULL;
    if (s->exec->event != NULL) { // already in wire form
        json_write(s->out, value);
        return true;
    }
    if (type->kind == GQL_ENUM) {
        for (size_t i = 0; i < type->value_count; i++) {
            if (value->kind == JSON_STRING && str_eq(type->values[i].name, value->text)) {
                json_write_string(s->out, value->text);
                return true;
            }
        }
        str text = json_text(s->arena, value);
        return leaf_error(s, spot,
            str_fmt(s->arena, "Invalid input for Enum '%.*s'. No value found for name %.*s",
                PRI(type->name), PRI(text)));
    }
    err *e = gql_scalar_output(s->arena, type, value, &wire);
    if (e != NULL) {
        return leaf_error(s, spot, e->text);
    }
    if (wire->kind == JSON_STRING) {
        json_write_string(s->out, wire->text);
    } else {
        json_write(s->out, wire);
    }
    return true;
}

// Whether going on is pointless; notices on the way that the response has become too large.
static bool is_fatal(struct state *s)
{
    size_t max = s->exec->limits->result_max;
    if (s->fatal == NULL && (s->out->len > max || s->out->overflow)) {
        s->fatal = fail(s->arena, ERR_LIMIT, "The response is larger than %zu bytes.", max);
    }
    if (s->fatal == NULL && s->errors.overflow) {
        s->fatal = fail(s->arena, ERR_LIMIT, "The response has too many errors.");
    }
    return s->fatal != NULL;
}

// The functions that recurse are not inlined into each other: one fiber's stack has to hold the
// deepest response.
__attribute__((noinline)) static bool complete_list(struct state *s,
    const struct gql_type_ref *item_ref, const struct json *value, const struct spot *spot) YIELDS;

static bool complete_list(struct state *s, const struct gql_type_ref *item_ref,
    const struct json *value, const struct spot *spot)
{
    struct path here = {.parent = spot->path};
    struct spot inner = {.field = spot->field, .parent = spot->parent, .path = &here};
    if (value->kind != JSON_ARRAY) {
        return leaf_error(s, spot, S("expected a list."));
    }
    buf_add_char(s->out, '[');
    json_each (item, value) {
        if (here.index > 0) {
            buf_add_char(s->out, ',');
        }
        if (is_fatal(s) || !complete(s, item_ref, item, &inner)) {
            return false;
        }
        here.index++;
    }
    buf_add_char(s->out, ']');
    return true;
}

__attribute__((noinline)) static bool complete_composite(struct state *s,
    const struct gql_type *type, const struct json *value, const struct spot *spot) YIELDS;

static bool complete_composite(
    struct state *s, const struct gql_type *type, const struct json *value, const struct spot *spot)
{
    const struct gql_plan_set *set = spot->field->set;
    check(set != NULL); // validation: composite types have a selection set
    if (type->kind == GQL_OBJECT) {
        return write_object(s, &set->objects[0], value, spot->path);
    }
    str wanted = json_get_str(value, S("__typename"));
    for (size_t i = 0; i < set->count; i++) {
        if (str_eq(set->objects[i].type->name, wanted)) {
            return write_object(s, &set->objects[i], value, spot->path);
        }
    }
    return leaf_error(s, spot,
        str_cat(s->arena, S("Could not determine the exact type of '"), type->name, S("'")));
}

// Writes a value of the type; false when a null has to replace the parent.
static bool complete(struct state *s, const struct gql_type_ref *ref, const struct json *value,
    const struct spot *spot)
{
    bool required = ref->kind == GQL_REF_NON_NULL;
    const struct gql_type_ref *inner = required ? ref->of : ref;
    size_t mark = s->out->len;
    bool done = false;
    if (json_is_null(value)) {
        if (required) {
            add_null_error(s, spot->path, ref, spot->parent);
        }
    } else if (inner->kind == GQL_REF_LIST) {
        done = complete_list(s, inner->of, value, spot);
    } else if (gql_is_composite(inner->type)) {
        done = complete_composite(s, inner->type, value, spot);
    } else {
        done = complete_leaf(s, inner->type, value, spot);
    }
    if (!done && !required) {
        s->out->len = mark;
        buf_add(s->out, S("null"));
    }
    return done || !required;
}

// ---- fields ----------------------------------------------------------------------------------

static bool when_holds(const struct state *s, const struct gql_when *when)
{
    for (; when != NULL; when = when->and) {
        bool value = when->value;
        if (when->is_variable) {
            value = json_get_bool(s->exec->variables, when->variable, false);
        }
        if (value != when->include) {
            return false;
        }
    }
    return true;
}

static bool is_included(const struct state *s, const struct gql_plan_field *field)
{
    if (!when_holds(s, field->when)) {
        return false;
    }
    for (size_t i = 0; i < field->earlier_count; i++) {
        if (when_holds(s, field->earlier[i])) {
            return false;
        }
    }
    return true;
}

static err *field_arguments(
    struct state *s, const struct gql_plan_field *field, const struct json **out)
{
    struct json *args = NULL;
    *out = field->args;
    if (field->args != NULL) {
        return NULL;
    }
    args = json_object(s->arena);
    *out = args;
    for (size_t i = 0; i < field->field->arg_count; i++) {
        const struct gql_arg_def *def = &field->field->args[i];
        struct json *value = NULL;
        for (size_t k = 0; k < field->argument_count; k++) {
            const struct gql_argument *given = &field->arguments[k];
            bool absent = given->value.kind == GQL_VALUE_VARIABLE &&
                          json_get(s->exec->variables, given->value.text) == NULL;
            if (str_eq(given->name, def->name) && !absent) {
                TRY(gql_coerce_literal(
                    s->arena, def->type, &given->value, s->exec->variables, &value));
            }
        }
        if (value == NULL && def->otherwise != NULL) {
            value = json_copy(s->arena, def->otherwise);
        }
        if (value != NULL) {
            json_set(args, def->name, value);
        } else if (def->type->kind == GQL_REF_NON_NULL) {
            return fail(
                s->arena, ERR_INVALID, "Missing value for the argument '%.*s'", PRI(def->name));
        }
    }
    return NULL;
}

struct call_place { // what a resolver may ask about its call
    struct state *state;
    const struct gql_plan_field *field;
    const struct path *path;
};

static err *run_resolver(gql_resolver resolve, struct gql_call *call, struct json **out) YIELDS;

static err *run_resolver(gql_resolver resolve, struct gql_call *call, struct json **out)
{
    return resolve(call, out);
}

struct place { // an object being written
    const struct gql_plan_object *object;
    const struct json *source;
    const struct json *next; // behind the member found last: fields often come in its order
    const struct path *path;
};

static struct place place_of(
    const struct gql_plan_object *object, const struct json *source, const struct path *path)
{
    bool has_members = source != NULL && source->kind == JSON_OBJECT;
    return (struct place){object, source, has_members ? source->child : NULL, path};
}

static struct json *find_member(struct place *place, str name)
{
    const struct json *found = place->next;
    if (found == NULL || !str_eq(found->key, name)) {
        found = json_get(place->source, name);
    }
    place->next = found != NULL ? found->next : place->next;
    return (struct json *)found;
}

// Its frame must not stay on the stack while the values below are completed.
__attribute__((noinline)) static err *call_resolver(struct state *s,
    const struct gql_plan_field *field, const struct place *place, const struct path *path,
    struct json **out) YIELDS;

static err *call_resolver(struct state *s, const struct gql_plan_field *field,
    const struct place *place, const struct path *path, struct json **out)
{
    const struct json *args = NULL;
    struct call_place call_place = {.state = s, .field = field, .path = path};
    if (!field->is_meta && ++s->resolvers > s->exec->limits->resolvers_max) {
        s->fatal = fail(s->arena, ERR_LIMIT, "Resolver invocation limit reached.");
        return s->fatal;
    }
    TRY(field_arguments(s, field, &args));
    struct gql_call call = {.arena = s->arena,
        .request = s->exec->request,
        .parent = place->object->type,
        .field = field->field,
        .source = place->source,
        .args = args,
        .operation = s->exec->plan->operation->operation,
        .root = s->root,
        .for_events = s->by_name,
        .exec = s->exec,
        .selection = field->set,
        .path = &call_place};
    return run_resolver(field->field->resolve, &call, out);
}

static err *resolve_field(struct state *s, const struct gql_plan_field *field, struct place *place,
    const struct path *path, struct json **out) YIELDS;

static err *resolve_field(struct state *s, const struct gql_plan_field *field, struct place *place,
    const struct path *path, struct json **out)
{
    struct gql_exec *exec = s->exec;
    if (exec->may_access != NULL && !field->is_meta &&
        !exec->may_access(exec->request, place->object->type, field->field)) {
        err *e = fail(s->arena, ERR_FORBIDDEN, "Not Authorized to access %.*s on type %.*s",
            PRI(field->field->name), PRI(place->object->type->name));
        e->wire = S("Unauthorized");
        return e;
    }
    if (exec->event != NULL && path->parent == NULL) {
        *out = (struct json *)exec->event;
        return NULL;
    }
    if (exec->event != NULL || field->field->resolve == NULL) {
        *out = find_member(place, field->field->name);
        return NULL;
    }
    return call_resolver(s, field, place, path, out);
}

// Records the error of a field; false when the parent becomes null for it.
__attribute__((noinline, cold)) static bool field_failed(
    struct state *s, const struct gql_plan_field *field, const struct path *path, err *e)
{
    bool nullable = field->field->type->kind != GQL_REF_NON_NULL;
    s->fatal = s->fatal == NULL && e->code == ERR_CANCELLED ? e : s->fatal;
    add_error(s, path, field->pos,
        (struct field_error){
            .message = e->text, .type = err_wire(e), .info = s->error_info, .data = s->error_data});
    s->error_info = s->error_data = NULL;
    if (nullable) {
        buf_add(s->out, S("null"));
    }
    return nullable;
}

// Writes the value of one field; false when the parent becomes null. `resolved` may be NULL.
__attribute__((noinline)) static bool write_field(struct state *s,
    const struct gql_plan_field *field, struct place *place, struct json **resolved) YIELDS;

static bool write_field(struct state *s, const struct gql_plan_field *field, struct place *place,
    struct json **resolved)
{
    struct path path = {.parent = place->path, .key = field->response_key};
    struct spot spot = {.field = field, .parent = place->object->type, .path = &path};
    struct json *value = NULL;
    if (field->field == &s->exec->schema->typename_field) {
        json_write_string(s->out, place->object->type->name);
        return true;
    }
    err *e = resolve_field(s, field, place, &path, &value);
    if (e != NULL) {
        return field_failed(s, field, &path, e);
    }
    if (resolved != NULL) {
        *resolved = value;
    }
    return complete(s, field->field->type, value, &spot);
}

static void write_key(struct state *s, const struct gql_plan_field *field, bool first)
{
    if (s->by_name) {
        buf_add(s->out, first ? S("") : S(","));
        json_write_string(s->out, field->field->name);
        buf_add_char(s->out, ':');
    } else {
        buf_add(s->out, str_sub(field->key_json, first, field->key_json.len));
    }
}

static bool write_object(struct state *s, const struct gql_plan_object *object,
    const struct json *source, const struct path *path)
{
    struct place place = place_of(object, source, path);
    bool first = true;
    buf_add_char(s->out, '{');
    for (size_t i = 0; i < object->count && !is_fatal(s); i++) {
        const struct gql_plan_field *field = &object->fields[i];
        if (!is_included(s, field)) {
            continue;
        }
        write_key(s, field, first);
        first = false;
        if (!write_field(s, field, &place, NULL)) {
            return false;
        }
    }
    buf_add_char(s->out, '}');
    return true;
}

// ---- root ------------------------------------------------------------------------------------

// The completed value of a mutation's root field under field names: completed a second time, since
// aliases cannot be undone in text. Only when somebody wants it.
static void publish(struct state *s, const struct gql_plan_field *field,
    const struct gql_plan_object *root, struct json *value) YIELDS;

static void publish(struct state *s, const struct gql_plan_field *field,
    const struct gql_plan_object *root, struct json *value)
{
    struct buf text = buf_in(s->arena, s->exec->limits->result_max + 65536);
    struct state inner = *s;
    struct path path = {.key = field->response_key};
    struct spot spot = {.field = field, .parent = root->type, .path = &path};
    struct json *payload = NULL;
    inner.out = &text;
    inner.errors = buf_in(s->arena, 1024 * 1024);
    inner.by_name = true;
    if (complete(&inner, field->field->type, value, &spot) && !is_fatal(&inner) &&
        json_parse(s->arena, buf_str(&text), &payload, NULL) == NULL && !json_is_null(payload)) {
        s->exec->publish(s->exec->request, field->field, payload);
    }
}

static bool write_root(struct state *s) YIELDS;

static bool write_root(struct state *s)
{
    const struct gql_plan_object *root = &s->exec->plan->root->objects[0];
    struct gql_exec *exec = s->exec;
    struct place place = place_of(root, NULL, NULL);
    bool mutation = exec->plan->operation->operation == GQL_MUTATION && exec->wants_payload != NULL;
    bool first = true;
    buf_add_char(s->out, '{');
    for (size_t i = 0; i < root->count && !is_fatal(s); i++) {
        const struct gql_plan_field *field = &root->fields[i];
        struct json *resolved = NULL;
        if (!is_included(s, field)) {
            continue;
        }
        write_key(s, field, first);
        first = false;
        s->root = field->field;
        if (!write_field(s, field, &place, &resolved)) {
            return false;
        }
        if (mutation && !json_is_null(resolved) &&
            exec->wants_payload(exec->request, field->field)) {
            publish(s, field, root, resolved);
        }
    }
    buf_add_char(s->out, '}');
    return true;
}

err *gql_execute(struct gql_exec *exec, struct buf *out)
{
    struct state s = {.exec = exec,
        .arena = exec->arena,
        .out = out,
        .errors = buf_in(exec->arena, 4 * 1024 * 1024)};
    check(exec->plan->schema == exec->schema); // its fields are the schema's
    exec->state = &s;
    if (exec->limits == NULL) {
        exec->limits = &GQL_LIMITS_DEFAULT;
    }
    buf_add(out, S("{\"data\":"));
    size_t mark = out->len;
    if (!write_root(&s)) {
        out->len = mark;
        buf_add(out, S("null"));
    }
    if (is_fatal(&s)) {
        return s.fatal;
    }
    if (s.errors.len > 0) {
        buf_add(out, S(",\"errors\":["));
        buf_add(out, buf_str(&s.errors));
        buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
    return out->overflow ? fail(exec->arena, ERR_LIMIT, "The response is too large.") : NULL;
}

bool gql_call_selects(const struct gql_call *call, str field)
{
    const struct gql_plan_set *set = call->selection;
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        for (size_t k = 0; k < set->objects[i].count; k++) {
            if (str_eq(set->objects[i].fields[k].field->name, field)) {
                return true;
            }
        }
    }
    return false;
}

void gql_call_append_error(
    struct gql_call *call, str message, str type, const struct json *info, const struct json *data)
{
    check(call->path != NULL);
    const struct call_place *place = call->path;
    add_error(place->state, place->path, place->field->pos,
        (struct field_error){.message = message, .type = type, .info = info, .data = data});
}

void gql_call_explain(struct gql_call *call, const struct json *data, const struct json *info)
{
    check(call->path != NULL);
    const struct call_place *place = call->path;
    place->state->error_data = data;
    place->state->error_info = info;
}

struct selection { // being told
    struct state *state;
    struct json *list;
    struct buf *graphql;
    struct map *seen; // paths: of an interface's types, each has the field
};

static void tell_set(struct selection *to, const struct gql_plan_set *set, str above, u32 depth);

static void tell_field(
    struct selection *to, const struct gql_plan_field *field, str above, u32 depth)
{
    struct arena *arena = to->state->arena;
    str name = field->field->name;
    str path = above.len > 0 ? str_cat(arena, above, S("/"), name) : name;
    if (map_get(to->seen, path) != NULL) {
        return;
    }
    map_set(to->seen, path, to);
    json_push(to->list, json_string(arena, path));
    for (u32 i = 0; i < depth; i++) {
        buf_add(to->graphql, S("  "));
    }
    if (!str_eq(field->response_key, name)) {
        buf_add(to->graphql, field->response_key);
        buf_add(to->graphql, S(": "));
    }
    buf_add(to->graphql, name);
    if (field->set != NULL) {
        buf_add_char(to->graphql, ' ');
        tell_set(to, field->set, path, depth);
    }
    buf_add_char(to->graphql, '\n');
}

// As deep as the document, which is bounded.
static void tell_set(struct selection *to, const struct gql_plan_set *set, str above, u32 depth)
{
    buf_add(to->graphql, S("{\n"));
    for (size_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < set->objects[i].count; k++) {
            if (is_included(to->state, &set->objects[i].fields[k])) {
                tell_field(to, &set->objects[i].fields[k], above, depth + 1);
            }
        }
    }
    for (u32 i = 0; i < depth; i++) {
        buf_add(to->graphql, S("  "));
    }
    buf_add_char(to->graphql, '}');
}

struct json *gql_call_selection(const struct gql_call *call, struct buf *graphql)
{
    const struct call_place *place = call->path;
    struct selection to = {.state = place->state,
        .list = json_array(call->arena),
        .graphql = graphql,
        .seen = map_new(call->arena)};
    if (call->selection != NULL) {
        tell_set(&to, call->selection, (str){}, 0);
    }
    return to.list;
}

// ---- errors before execution -------------------------------------------------------------------

static void write_request_error(struct json_writer *w, str message, struct gql_pos pos)
{
    jw_object(w);
    jw_key(w, S("path"));
    jw_null(w);
    if (pos.line > 0) {
        write_location(w, pos);
    } else {
        jw_key(w, S("locations"));
        jw_null(w);
    }
    jw_member(w, S("message"), message);
    jw_end_object(w);
}

static void begin_failed(struct json_writer *w, struct buf *out)
{
    jw_init(w, out);
    jw_object(w);
    jw_key(w, S("data"));
    jw_null(w);
    jw_key(w, S("errors"));
    jw_array(w);
}

void gql_write_problems(struct buf *out, const struct gql_prepared *prepared)
{
    struct json_writer w;
    begin_failed(&w, out);
    for (size_t i = 0; i < prepared->problem_count; i++) {
        write_request_error(&w, prepared->problems[i].message, prepared->problems[i].pos);
    }
    if (prepared->syntax != NULL) {
        write_request_error(&w, prepared->syntax->message, prepared->syntax->pos);
    }
    if (prepared->error != NULL) {
        write_request_error(&w, prepared->error->text, (struct gql_pos){});
    }
    jw_end_array(&w);
    jw_end_object(&w);
}

void gql_write_error(struct buf *out, const err *error)
{
    gql_write_problems(out, &(struct gql_prepared){.error = (err *)error});
}
