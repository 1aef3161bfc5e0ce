// What is run for a function: the interpreter of its runtime, or its own program.
#include "func/func_worker_int.h"

#include <stdio.h>
#include <unistd.h>

// The folder of the function's code.
str func_task_root(const struct func_function *f)
{
    ptrdiff_t slash = str_rfind_char(f->program, '/');
    return f->code.len > 0 ? f->code : slash > 0 ? str_sub(f->program, 0, (size_t)slash) : S("/");
}

// "src/app.handler" in the folder: src/app.mjs, .js or .cjs.
static err *find_module(struct func_worker *worker, struct arena *arena)
{
    static const str ENDINGS[] = {S_INIT(".mjs"), S_INIT(".js"), S_INIT(".cjs")};
    const struct func_function *f = worker->function;
    worker->program = f->program;
    if (f->program.len > 0) {
        return NULL;
    }
    ptrdiff_t slash = str_rfind_char(f->handler, '/');
    str file = str_sub(f->handler, slash < 0 ? 0 : (size_t)slash + 1, f->handler.len);
    ptrdiff_t dot = str_find_char(file, '.');
    size_t cut = dot < 0 ? f->handler.len : f->handler.len - file.len + (size_t)dot;
    str stem = str_cat(arena, f->code, S("/"), str_sub(f->handler, 0, cut));
    for (size_t i = 0; i < countof(ENDINGS); i++) {
        str path = str_cat(arena, stem, ENDINGS[i]);
        if (access(str_cstr(arena, path), R_OK) == 0) {
            worker->program = path;
            return NULL;
        }
    }
    return fail(arena, ERR_CONFIG, "The handler %.*s of the function %.*s is not there: no %.*s.js",
        PRI(f->handler), PRI(f->name), PRI(stem));
}

static err *no_interpreter(struct arena *arena, const struct func_function *f, str name)
{
    return err_hint(fail(arena, ERR_CONFIG,
                        "The function %.*s needs %.*s (its runtime is %.*s), which is not on the "
                        "PATH",
                        PRI(f->name), PRI(name), PRI(f->runtime)),
        S("Install it and start ampd again; the other functions are served meanwhile."));
}

static err *add_node(
    struct func_worker *worker, struct arena *arena, struct command *command) YIELDS;

static err *add_node(struct func_worker *worker, struct arena *arena, struct command *command)
{
    unsigned mb = worker->function->memory_mb < 64 ? 64 : worker->function->memory_mb;
    const char *node = func_runtimes_find(worker->pool->here->hub->interpreters, arena, S("node"));
    if (node == NULL) {
        return no_interpreter(arena, worker->function, S("node"));
    }
    TRY(find_module(worker, arena));
    sandbox_begin(worker, arena, command, node);
    command_add(arena, command, node);
    command_add(arena, command, str_cstr(arena, str_fmt(arena, "--max-old-space-size=%u", mb)));
    command_add(arena, command, "--enable-source-maps");
    command_add(arena, command,
        path_join(arena, worker->pool->here->hub->runtimes,
            worker->pool->is_spare ? "spare.mjs" : "bootstrap.mjs"));
    return NULL;
}

// The version that was asked for, where it is installed; else the system's.
static err *add_python(
    struct func_worker *worker, struct arena *arena, struct command *command) YIELDS;

static err *add_python(struct func_worker *worker, struct arena *arena, struct command *command)
{
    struct func_runtimes *known = worker->pool->here->hub->interpreters;
    const char *python = func_runtimes_find(known, arena, worker->function->runtime);
    python = python != NULL ? python : func_runtimes_find(known, arena, S("python3"));
    if (python == NULL) {
        return no_interpreter(arena, worker->function, S("python3"));
    }
    sandbox_begin(worker, arena, command, python);
    command_add(arena, command, python);
    command_add(arena, command, "-B"); // the folder of the code is not ours to write to
    command_add(
        arena, command, path_join(arena, worker->pool->here->hub->runtimes, "bootstrap.py"));
    return NULL;
}

static err *add_custom(struct func_worker *worker, struct arena *arena, struct command *command)
{
    const struct func_function *f = worker->function;
    const char *program = str_cstr(arena, str_cat(arena, f->code, S("/bootstrap")));
    if (access(program, X_OK) != 0) {
        return err_hint(fail(arena, ERR_CONFIG,
                            "The function %.*s has a runtime of its own, and %s is not there or "
                            "can not be executed",
                            PRI(f->name), program),
            S("Put a program of that name into the folder of its code: chmod +x bootstrap"));
    }
    sandbox_begin(worker, arena, command, program);
    command_add(arena, command, program);
    return NULL;
}

void command_add(struct arena *arena, struct command *command, const char *word)
{
    *vec_push(arena, &command->words) = (char *)(uintptr_t)word;
}

err *command_make(struct func_worker *worker, struct arena *arena, struct command *out)
{
    *out = (struct command){};
    switch (worker->function->kind) {
    case FUNC_NODE: TRY(add_node(worker, arena, out)); break;
    case FUNC_PYTHON: TRY(add_python(worker, arena, out)); break;
    case FUNC_CUSTOM: TRY(add_custom(worker, arena, out)); break;
    }
    *vec_push(arena, &out->words) = NULL;
    return NULL;
}
