// Sockets, HTTP replies by their content-length, WebSocket frames (RFC 6455, messages in one frame).
#define _GNU_SOURCE
#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// What a server must answer to the key of RFC 6455, 1.3, which load.py always sends.
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define LARGEST (16u << 20)

long failures;
char first_failure[600];

double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void fail(const char *format, ...) {
    if (failures++ == 0) {
        va_list args;
        va_start(args, format);
        vsnprintf(first_failure, sizeof first_failure, format, args);
        va_end(args);
    }
}

size_t expand(char *out, size_t room, const char *template, long name, long seq) {
    size_t n = 0;
    for (const char *c = template; *c; c++) {
        if (n + 32 > room) {
            fprintf(stderr, "load: a request of %zu bytes or more\n", room);
            exit(2);
        }
        if (c[0] == '%' && (c[1] == 'd' || c[1] == 's'))
            n += (size_t)snprintf(out + n, 32, "%ld", *++c == 'd' ? name : seq);
        else
            out[n++] = *c;
    }
    out[n] = 0;
    return n;
}

void conn_open(Conn *conn, int port) {
    *conn = (Conn){.room = 4096};
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&peer, sizeof peer) < 0) {
        fprintf(stderr, "load: connect to port %d: %s\n", port, strerror(errno));
        exit(2);
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn->data = malloc(conn->room);
}

void conn_write(Conn *conn, const char *text, size_t size) {
    conn->sent = now();
    while (size > 0) {
        ssize_t n = send(conn->fd, text, size, MSG_NOSIGNAL);
        if (n < 0) {
            fail("send: %s", strerror(errno));
            conn->closed = true;
            return;
        }
        text += n;
        size -= (size_t)n;
    }
}

static void frame(Conn *conn, int op, const char *text, size_t size) {
    // Masked with zeros: the server unmasks as ever, and there is nothing to do here.
    char out[65536 + 8] = {(char)(0x80 | op), (char)(0x80 | size)};
    size_t head = 6;
    if (size >= 126) {
        out[1] = (char)(0x80 | 126), out[2] = (char)(size >> 8), out[3] = (char)size;
        memset(out + 4, 0, 4);
        head = 8;
    }
    memcpy(out + head, text, size);
    conn_write(conn, out, head + size);
}

void conn_send(Conn *conn, const char *text, size_t size) {
    frame(conn, 1, text, size);
}

bool conn_fill(Conn *conn, bool wait) {
    for (;;) {
        if (conn->at > 0) {
            memmove(conn->data, conn->data + conn->at, conn->size);
            conn->at = 0;
        }
        if (conn->room - conn->size < 2048) conn->data = realloc(conn->data, conn->room *= 2);
        size_t room = conn->room - conn->size - 1;
        ssize_t n = recv(conn->fd, conn->data + conn->size, room, wait ? 0 : MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        if (n <= 0) {
            fail("connection lost: %s", n < 0 ? strerror(errno) : "closed by the server");
            conn->closed = true;
            return false;
        }
        conn->size += (size_t)n;
        conn->data[conn->size] = 0;
        if ((size_t)n < room || conn->size > LARGEST) return true;
        wait = false;
    }
}

static void skip(Conn *conn, size_t n) {
    conn->at += n;
    conn->size -= n;
}

bool conn_handshake(Conn *conn) {
    const char *end;
    while (!(end = memmem(conn->data + conn->at, conn->size, "\r\n\r\n", 4)))
        if (!conn_fill(conn, true)) return false;
    const char *head = conn->data + conn->at;
    size_t size = (size_t)(end + 4 - head);
    if (strncmp(head, "HTTP/1.1 101", 12) != 0 || !memmem(head, size, ACCEPT, strlen(ACCEPT))) {
        fail("no WebSocket: %.500s", head);
        return false;
    }
    skip(conn, size);
    return conn->ws = true;
}

static bool take_reply(Conn *conn, Message *message) {
    const char *head = conn->data + conn->at;
    const char *end = memmem(head, conn->size, "\r\n\r\n", 4);
    if (!end) return false;
    const char *length = strcasestr(head, "\r\ncontent-length:");
    if (!length || length > end) {
        fail("a reply without content-length: %.500s", head);
        conn->closed = true;
        return false;
    }
    size_t size = strtoul(length + 17, NULL, 10), whole = (size_t)(end + 4 - head) + size;
    if (conn->size < whole) return false;
    *message = (Message){end + 4, size, head[9] == '2'};
    if (!message->ok) fail("%.*s", (int)(whole < 500 ? whole : 500), head);
    skip(conn, whole);
    return true;
}

static bool take_message(Conn *conn, Message *message) {
    while (conn->size >= 2) {
        const unsigned char *head = (unsigned char *)conn->data + conn->at;
        size_t size = head[1] & 127, start = size == 126 ? 4 : size == 127 ? 10 : 2;
        if (conn->size < start) return false;
        if (start > 2) size = 0;
        for (size_t i = 2; i < start; i++) size = size << 8 | head[i];
        if (conn->size < start + size) return false;
        const char *text = (const char *)head + start;
        skip(conn, start + size);
        switch (head[0] & 15) {
            case 1:
            case 2:
                *message = (Message){text, size, true};
                return true;
            case 8:
                fail("closed by the server: %.*s", (int)(size > 2 ? size - 2 : 0), text + 2);
                conn->closed = true;
                return false;
            case 9: {
                double sent = conn->sent;
                frame(conn, 10, text, size);
                conn->sent = sent;
            }
        }
    }
    return false;
}

bool conn_take(Conn *conn, Message *message) {
    if (conn->closed || conn->size == 0) return false;
    return conn->ws ? take_message(conn, message) : take_reply(conn, message);
}
