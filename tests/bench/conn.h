// Connections of the load generator: HTTP/1.1 replies and WebSocket messages, read with the least work.
#ifndef CONN_H
#define CONN_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    int fd;
    bool ws;       // a WebSocket: after its handshake
    bool busy;     // a request is in flight
    bool closed;
    double sent;   // when it went out, seconds
    long mark;     // for the mode: the last round heard
    char *data;    // what is read and not yet taken: `size` bytes from `at`
    size_t at, size, room;
} Conn;

typedef struct {
    const char *text;
    size_t size;
    bool ok;       // HTTP: the status is 2xx
} Message;

double now(void);  // seconds, monotonic

// What went wrong: counted, and the first one kept.
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern long failures;
extern char first_failure[600];

// `template` with each %d replaced by `name` and each %s by `seq`; any other % stands for itself.
size_t expand(char *out, size_t room, const char *template, long name, long seq);

void conn_open(Conn *conn, int port);
void conn_write(Conn *conn, const char *text, size_t size);
void conn_send(Conn *conn, const char *text, size_t size);  // as a text message on a WebSocket
bool conn_fill(Conn *conn, bool wait);                      // reads what is there; false: the peer is gone
bool conn_handshake(Conn *conn);                            // waits for the 101
bool conn_take(Conn *conn, Message *message);               // the next whole message, until the next fill
#endif
