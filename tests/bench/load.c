// The load generator of scripts/bench: `load key=value ...` prints one JSON line; load.py has the keys.
//
// It shares two cores with the server it measures, so it does as little as it can. The same in Node took a
// quarter to a half more CPU time a request (HTTP 36 against 28 us, WebSocket 17 against 14).
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conn.h"
#include "tally.h"

static const char *mode = "load", *request = "", *before = "", *message = "", *match = "", *refusal = "";
static long port, connections = 1, inflight = 1, names = 64, first, count, rounds = 10;
static double warm = 0.5, seconds = 3, settle = 0.3, limit = 60;

static Conn *conns;
static int watch;
static double deadline;
static char text[65536];

// One turn of the loop: all that has arrived goes to `got`. False when time is up or something failed.
static bool turn(int ms, void (*got)(Conn *, const Message *)) {
    struct epoll_event events[256];
    int n = epoll_wait(watch, events, 256, ms);
    for (int i = 0; i < n; i++) {
        Conn *conn = events[i].data.ptr;
        if (!conn) return false;  // stdin: `idle` is told to end
        Message found;
        bool alive = conn_fill(conn, false);
        while (conn_take(conn, &found)) got(conn, &found);
        if (!alive || conn->closed) return false;
    }
    if (now() > deadline) fail("not done after %.0f s", limit);
    return failures == 0;
}

static void ignore(Conn *conn, const Message *found) {
    (void)conn, (void)found;
}

static void rest(double time) {
    for (double until = now() + time; now() < until && turn(10, ignore);) {
    }
}

// Opens them all, 50 handshakes at a time, and lets the greetings come in.
static bool open_all(void) {
    conns = calloc((size_t)connections, sizeof *conns);
    for (long i = 0, done = 0; i < connections; i++) {
        conn_open(&conns[i], (int)port);
        if (*message) conn_write(&conns[i], text, expand(text, sizeof text, request, first + i % names, i));
        if (i + 1 - done < 50 && i + 1 < connections) continue;
        for (; done <= i; done++) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = &conns[done]};
            epoll_ctl(watch, EPOLL_CTL_ADD, conns[done].fd, &event);
            if (*message && !conn_handshake(&conns[done])) return false;
            Message found;
            while (conn_take(&conns[done], &found)) ignore(&conns[done], &found);
        }
        turn(0, ignore);
    }
    if (*message) rest(settle);
    return failures == 0;
}

// load: keeps `inflight` requests on their way over `connections`, for a time or until `count` are answered.
static Tally tally;
static long seq, flying, replies, *queue, head, tail;
static double from, until;

static void launch(void) {
    if (failures || now() >= until || (count && seq >= count)) return;
    Conn *conn = &conns[queue[head]];
    head = (head + 1) % connections;
    size_t size = expand(text, sizeof text, *message ? message : request, first + seq % names, seq);
    seq++;
    flying++;
    conn->busy = true;
    if (*message)
        conn_send(conn, text, size);
    else
        conn_write(conn, text, size);
}

static void landed(Conn *conn, const Message *found) {
    if (!conn->busy || (*match && !memmem(found->text, found->size, match, strlen(match)))) return;
    if (*refusal && memmem(found->text, found->size, refusal, strlen(refusal)))
        fail("%.*s", (int)(found->size < 500 ? found->size : 500), found->text);
    double at = now();
    conn->busy = false;
    flying--;
    replies++;
    if (at >= from && at <= until) tally_add(&tally, at - conn->sent);
    queue[tail] = conn - conns;
    tail = (tail + 1) % connections;
    launch();
}

static void load(void) {
    if (!open_all()) return;
    queue = calloc((size_t)connections, sizeof *queue);
    for (long i = 0; i < connections; i++) queue[i] = i;
    from = now() + (count ? 0 : warm);
    until = count ? INFINITY : from + seconds;
    double used = -1, start = cpu();
    for (long i = 0; i < inflight; i++) launch();
    for (bool warming = !count; flying > 0 && turn(100, landed);) {
        if (warming && now() >= from) start = cpu(), warming = false;
        if (used < 0 && now() >= until) used = cpu() - start;
    }
    if (used < 0) used = cpu() - start;
    double n = (double)tally.count, time = count ? now() - from : seconds;
    double each = n > 0 ? used * 1e6 / n : 0;
    printf("\"rate\": %.2f, \"replies\": %ld, \"client_us\": %.2f, ", n / time, replies, each);
    tally_print("", &tally);
}

// fan: connection 0 sends round %s, `match` (with %s) marks it on all of them.
static char marker[1024];
static long round_, heard;

static void hear(Conn *conn, const Message *found) {
    if (conn->mark == round_ || !memmem(found->text, found->size, marker, strlen(marker))) return;
    conn->mark = round_;
    heard++;
    tally_add(&tally, now() - conns[0].sent);
}

static void fan(void) {
    if (!open_all()) return;
    Tally whole = {0};
    for (round_ = 1; round_ <= rounds && failures == 0; round_++) {
        heard = 0;
        expand(marker, sizeof marker, match, 0, round_);
        conn_send(&conns[0], text, expand(text, sizeof text, message, 0, round_));
        while (heard < connections && turn(100, hear)) {
        }
        tally_add(&whole, now() - conns[0].sent);
        rest(0.1);
    }
    tally_print("", &tally);
    tally_print("all_", &whole);
}

// idle: opens `connections`, says so, holds them until stdin ends. None may be closed meanwhile.
static void idle(void) {
    if (!open_all()) return;
    printf("{\"open\": %ld}\n", connections);
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN | EPOLLHUP, .data.ptr = NULL};
    epoll_ctl(watch, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    while (turn(1000, ignore)) {
    }
    printf("{");
}

// wake: for each name `before` (it hibernates), then `request` twice: on an agent asleep, and on one awake.
static void exchange(const char *template, long name, long number, Tally *into) {
    Message found;
    conn_write(conns, text, expand(text, sizeof text, template, name, number));
    while (!conn_take(conns, &found))
        if (conns->closed || !conn_fill(conns, true)) return;
    if (into) tally_add(into, now() - conns->sent);
}

static void wake(void) {
    if (!open_all()) return;
    Tally awake = {0};
    for (long i = 0; i < names && failures == 0 && now() < deadline; i++) {
        exchange(before, i, i, NULL);
        exchange(request, i, 2 * i, &tally);
        exchange(request, i, 2 * i + 1, &awake);
    }
    tally_print("", &tally);
    tally_print("warm_", &awake);
}

int main(int argc, char **argv) {
    const struct {
        const char *key, **text;
        long *whole;
        double *real;
    } keys[] = {
        {"mode", &mode, 0, 0},         {"request", &request, 0, 0}, {"before", &before, 0, 0},
        {"message", &message, 0, 0},   {"match", &match, 0, 0},     {"refusal", &refusal, 0, 0},
        {"port", 0, &port, 0},         {"names", 0, &names, 0},     {"first", 0, &first, 0},
        {"inflight", 0, &inflight, 0}, {"count", 0, &count, 0},     {"connections", 0, &connections, 0},
        {"rounds", 0, &rounds, 0},     {"warm", 0, 0, &warm},       {"seconds", 0, 0, &seconds},
        {"settle", 0, 0, &settle},     {"limit", 0, 0, &limit},
    };
    for (int i = 1; i < argc; i++) {
        size_t k = 0, n = sizeof keys / sizeof *keys, size = strcspn(argv[i], "=");
        while (k < n && (strlen(keys[k].key) != size || strncmp(keys[k].key, argv[i], size))) k++;
        if (k == n || !argv[i][size]) return fprintf(stderr, "load: %s?\n", argv[i]), 2;
        const char *value = argv[i] + size + 1;
        if (keys[k].text) *keys[k].text = value;
        if (keys[k].whole) *keys[k].whole = strtol(value, NULL, 10);
        if (keys[k].real) *keys[k].real = strtod(value, NULL);
    }
    watch = epoll_create1(EPOLL_CLOEXEC);
    deadline = now() + limit;
    if (strcmp(mode, "idle") != 0) printf("{");
    if (!strcmp(mode, "load")) load();
    else if (!strcmp(mode, "fan")) fan();
    else if (!strcmp(mode, "idle")) idle();
    else if (!strcmp(mode, "wake")) wake();
    else fail("no mode %s", mode);
    failures_print();
    return failures ? 1 : 0;
}
