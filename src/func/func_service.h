// The definitions as they are kept: for the folders above that serve them, too. All is immutable
// once a service is in force, and stays for as long as somebody holds the service.
#pragma once

#include "cron/cron.h"
#include "func/func.h"

#include <stdatomic.h>

enum func_kind { FUNC_NODE, FUNC_PYTHON, FUNC_CUSTOM };

struct func_function {
    str key;
    str name;
    str arn;
    str role;
    enum func_kind kind;
    str runtime;
    str handler;
    str program;
    str code;
    str hash;
    str problem;
    u32 storage_mb;
    u32 warm;             // processes that are kept ready
    struct func_url *url; // NULL: it has none
    str mark;             // of program and options: another one, another function
    u32 timeout_ms;
    u32 memory_mb;
    struct func_async async;
    struct func_source *sources;
    size_t source_count;
    struct func_variable *environment;
    size_t environment_count;
    bool json_logs;
    str log_level;
    u64 log_days;
};

struct func_schedule {
    str id; // among all: what is remembered of it goes by this
    str function;
    str text; // the expression
    str timezone;
    str arn;
    struct cron cron;
    const struct cron_zone *zone; // NULL: expression or zone is wrong, or not read yet
};

struct func_service {
    u32 magic;
    struct arena *arena;
    atomic_int references;
    struct func_function *functions;
    size_t count;
    struct func_schedule *schedules;
    size_t schedule_count;
    str region;
    str account;
    str endpoint;
};

// Takes a reference for the caller, who releases it. NULL gives NULL.
struct func_service *func_service_hold(struct func_service *service);
// By key, name or ARN; NULL when there is none.
const struct func_function *func_find(const struct func_service *service, str name);
