// Ports and listeners: every loop listens on the same addresses, and the kernel spreads
// connections.
#include "app/app_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

// ---- work on another loop's thread ---------------------------------------------------------

struct errand {
    struct app_loop *loop;
    void (*fn)(struct app_loop *loop);
    struct wake wake;
};

static void run_errand(void *arg)
{
    struct errand *errand = arg;
    errand->fn(errand->loop);
    wake_send(&errand->wake);
}

void app_on_each_loop(struct app *app, void (*fn)(struct app_loop *loop))
{
    for (size_t i = 0; i < app->loop_count; i++) {
        struct errand errand = {.loop = &app->loops[i], .fn = fn};
        wake_init(&errand.wake);
        loop_post(app->loops[i].loop, run_errand, &errand);
        wake_wait(&errand.wake);
    }
}

// ---- choosing ------------------------------------------------------------------------------

// Binds for a moment without sharing, since two servers of one user could share a port unnoticed.
// *port 0 is replaced by the one the system chose.
static bool port_is_free(const char *host, u16 *port, int *error)
{
    struct sockaddr_storage address = {};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    bool is_v6 = inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    socklen_t len = is_v6 ? sizeof(*v6) : sizeof(*v4);
    int one = 1;
    if (!is_v6 && inet_pton(AF_INET, host, &v4->sin_addr) != 1) {
        *error = EADDRNOTAVAIL;
        return false;
    }
    address.ss_family = is_v6 ? AF_INET6 : AF_INET;
    *(is_v6 ? &v6->sin6_port : &v4->sin_port) = htons(*port);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *error = errno;
        return false;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (is_v6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    bool bound = bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 1) == 0;
    *error = bound ? 0 : errno;
    if (bound && getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        *port = ntohs(is_v6 ? v6->sin6_port : v4->sin_port);
    }
    close(fd);
    return bound;
}

static bool is_free_on_all(struct app *app, u16 *port, int *error)
{
    for (size_t i = 0; i < app->host_count; i++) {
        if (!port_is_free(app->hosts[i], port, error)) {
            return false;
        }
    }
    return true;
}

// "localhost" means both loopback addresses, since which one a client tries first is its own
// choice. The URLs of a server on all addresses say "localhost" too.
static void choose_hosts(struct app *app)
{
    const char *host = app->options->host != NULL ? app->options->host : "localhost";
    bool all = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    int error = 0;
    u16 any = 0;
    app->says_localhost = all || strcmp(host, "localhost") == 0;
    if (!app->says_localhost) {
        app->hosts[app->host_count++] = host;
        return;
    }
    app->hosts[app->host_count++] = all ? "0.0.0.0" : "127.0.0.1";
    const char *v6 = all ? "::" : "::1";
    if (port_is_free(v6, &any, &error)) {
        app->hosts[app->host_count++] = v6;
    }
}

static err *choose_port(struct app *app)
{
    int wanted = app->options->port;
    int error = 0;
    u16 port = wanted < 0 ? APP_PORT : (u16)wanted;
    unsigned tries = wanted < 0 ? APP_PORTS_TRIED : wanted == 0 ? 16 : 1;
    for (unsigned i = 0; i < tries; i++) {
        app->port = wanted == 0 ? 0 : (u16)(port + i);
        if (is_free_on_all(app, &app->port, &error)) {
            return NULL;
        }
        if (error != EADDRINUSE && wanted != 0) {
            break;
        }
    }
    if (error == EADDRINUSE) {
        return err_hint(fail(app->arena, ERR_CONFLICT, "port %u is taken", (unsigned)port),
            S("Another ampd may be running; choose another port with --port, or leave --port out "
              "to take the next free one."));
    }
    return err_hint(fail(app->arena, ERR_CONFIG, "cannot listen on %s port %u: %s", app->hosts[0],
                        (unsigned)port, strerror(error)),
        S("--host takes an address of this machine, such as 127.0.0.1 or 0.0.0.0."));
}

// ---- listening -----------------------------------------------------------------------------

static void listen_here(struct app_loop *here)
{
    struct app *app = here->app;
    check(here->loop == loop_current() && here->listener_count == 0 && app->port != 0);
    for (size_t i = 0; i < app->host_count && app->result == NULL; i++) {
        struct net_listen_options options = {.host = app->hosts[i],
            .port = app->port,
            .tls = app->tls,
            .reuse_port = app->loop_count > 1,
            .serve = http_serve,
            .arg = &app->server};
        app->result = net_listen(app->arena, &options, &here->listeners[i]);
        here->listener_count += app->result == NULL;
    }
}

err *app_listen(struct app *app)
{
    choose_hosts(app);
    TRY(choose_port(app));
    app_on_each_loop(app, listen_here);
    if (app->result != NULL) {
        return app->result;
    }
    const char *host = app->says_localhost ? "localhost" : app->options->host;
    app->authority = str_fmt(
        app->arena, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)app->port);
    app->base_url = str_cat(app->arena, S("http://"), app->authority);
    return NULL;
}

static void drain_here(struct app_loop *here)
{
    for (size_t i = 0; i < here->listener_count; i++) {
        net_listener_stop(here->listeners[i]);
        net_listener_drain(here->listeners[i]);
    }
}

static void free_here(struct app_loop *here)
{
    for (size_t i = 0; i < here->listener_count; i++) {
        net_listener_abort(here->listeners[i]);
        net_listener_free(here->listeners[i]);
    }
    here->listener_count = 0;
}

static void count_here(struct app_loop *here)
{
    for (size_t i = 0; i < here->listener_count; i++) {
        here->app->connection_count += net_listener_connections(here->listeners[i]);
    }
}

void app_stop_listening(struct app *app)
{
    enum { DRAIN_TICKS = 200, TICK_MS = 50 }; // ten seconds

    app_on_each_loop(app, drain_here);
    data_hub_drain(app->hub);
    for (int i = 0; i < DRAIN_TICKS; i++) {
        app->connection_count = 0;
        app_on_each_loop(app, count_here);
        if (app->connection_count == 0 || fiber_sleep(TICK_MS) != NULL) {
            break;
        }
    }
    app_on_each_loop(app, free_here);
}
