// The object service: the buckets of defineStorage behind S3's REST API, for Amplify's storage
// client, the AWS SDKs and S3's tools.
#pragma once

#include "blob/blob.h"
#include "event/event.h"
#include "http/http.h"
#include "iam/iam.h"
#include "store/store.h"

// The buckets as defined: immutable, reference counted, replaced whole on reload.
struct object_service;

struct object_bucket_options {
    str name;    // "app.files"
    str storage; // as the definitions call it: "files"
    bool versioned;
    const struct json *definition; // the manifest's entry
};

struct object_service_options {
    const struct object_bucket_options *buckets;
    size_t bucket_count;
    str region;
    str account;
};

// Copies all (own memory).
struct object_service *object_service_new(const struct object_service_options *options);
// Any thread. NULL is allowed.
void object_service_release(struct object_service *service);

// Where requests meet the service. One per process.
struct object_hub;
// `loops` are all loops of the process, in order of their index.
struct object_hub *object_hub_new(struct loop **loops, size_t count);
void object_hub_free(struct object_hub *hub); // after all loops have ended; NULL is allowed

struct object_hub_options {
    struct store *store;
    struct blob_store *blobs;
    struct iam *iam;
    struct event_queue *functions; // NULL: events for functions are kept, not delivered
    u64 (*now_ms)(void);           // NULL: the wall clock
    u64 sweep_age_ms; // how old a blob of an upstream has to be to be removed when no row names it
};

// Makes the tables, removes what a crash has left of blobs. Before the routes are in use.
[[nodiscard]] err *object_hub_open(
    struct object_hub *hub, struct arena *arena, const struct object_hub_options *options) YIELDS;
// Takes over a reference; NULL: there is no storage any more. Any thread.
void object_hub_set_service(struct object_hub *hub, struct object_service *service);
// Adds the host names of S3 ("s3.localhost" and "*.s3.localhost"). `arena` lives as long as the
// router.
void object_hub_mount(
    struct object_hub *hub, struct arena *arena, struct http_router *router, str host);
// True for requests that are S3's wherever they arrive: signed for it, or the path of a bucket.
bool object_is_request(struct object_hub *hub, struct http_req *req);
// Any request of S3.
[[nodiscard]] err *object_http(struct object_hub *hub, struct http_req *req) YIELDS;
// A preflight request of a browser, for S3 or anything else below such a path: by the bucket's CORS
// rules when it has some.
[[nodiscard]] err *object_preflight(struct object_hub *hub, struct http_req *req) YIELDS;

// Removes what is over, now and every hour: uploads that nobody completed, what lifecycle rules let
// expire. Returns when the fiber is cancelled.
void object_hub_tidy(struct object_hub *hub) YIELDS;

// Hands the events for functions over to their queue (event.h), which must be open by then, as
// they come. On the first loop; returns when the fiber is cancelled.
void object_hub_deliver(struct object_hub *hub) YIELDS;

// ---- checks ------------------------------------------------------------------------------------
// Do rows and bytes agree? While no request is being served.
struct object_check {
    bool data;                         // read all bytes and compare them with their sums
    bool repair;                       // remove what nobody names
    void (*tell)(void *arg, str what); // one line for each problem
    void *arg;
    // Results.
    u64 objects;
    u64 files;
    u64 bytes;    // read
    u64 problems; // told
    u64 damaged;  // of them: objects and parts whose bytes are not what they should be
    u64 repaired;
};

// Fails only when it could not go through everything.
[[nodiscard]] err *object_check(
    struct object_hub *hub, struct arena *arena, struct object_check *check) YIELDS;
// Reads one object after the other, beside the service, every so many milliseconds, and begins
// again after a rest; logs object.damaged. Returns when the fiber is cancelled.
void object_hub_watch(struct object_hub *hub, u64 every_ms, u64 rest_ms) YIELDS;
