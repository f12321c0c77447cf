/* An Ultravox whose agents say what they hear, at once: the other end of the benchmark.

       echo HOST [CERTIFICATE KEY]

   REST and WebSockets on one port, both with TLS where there is a certificate. Orders: `begin` a
   window, `end FILE` it and write what was seen, `close` all calls, and how agents behave from now
   on: `echo`, `silent`, or `burst`: once a second they send 1.5 s of speech at once and take it
   back half a second later, the unspoken rest of it with it. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "link.h"
#include "mark.h"
#include "orders.h"
#include "websocket.h"

static const double REST_S = 0.0005;
static const double SHORT_REST_S = 0.0001; /* while calls are set up: each of many steps waits */
static const double HURRY_S = 0.1;
static const double BURST_EVERY_S = 1.0, CLEAR_AFTER_S = 0.5, FRAME_S = 0.02;
enum { BURST_FRAMES = 75, MOST_SAMPLES = 1024 };

struct call {
    struct link link;
    bool joined, watched, ended;
    int number;
    struct finder finder;
    uint32_t burst;
    double say_at, clear_at;
    struct call *next, *before;
};

/* Marked frames, when each arrived and when it was sent back; bursts taken back, and when; how
   late each rest ended. */
enum { IDENTITY, ARRIVED_AT, RETURNED_AT, CLEARED, CLEARED_AT, LATE, COLUMNS };
static struct column columns[COLUMNS] = {
    {.name = "identity"}, {.name = "arrived_at"}, {.name = "returned_at"},
    {.name = "cleared"},  {.name = "cleared_at"}, {.name = "late"},
};
static enum { ECHO, SILENT, BURST } manner;
static struct call *calls; /* connections of both kinds */
static SSL_CTX *tls;
static char origin[64];    /* scheme's end, host and port: "s://127.0.0.1:4711" */
static double hurry_until;
static int polled, numbers;
static char places[2];
#define ORDERS (&places[0]) /* what epoll knows the standard input and the listener by */
#define LISTENER (&places[1])

static void say(struct call *call, const char *text)
{
    websocket_write(&call->link.out, TEXT, text, strlen(text));
}

static void join(struct call *call, const char *head)
{
    const char *key = strcasestr(head, "\r\nsec-websocket-key:");
    char value[65] = "";
    if (key) sscanf(key + 20, " %64s", value);
    websocket_accept(&call->link.out, value);
    call->joined = true;
    call->number = numbers++ % SPEAKERS;
    call->say_at = now() + (double)(call->number * 49 % 80) / 80 * BURST_EVERY_S;
    say(call, "{\"type\": \"call_started\", \"callId\": \"\"}");
    say(call, "{\"type\": \"state\", \"state\": \"listening\"}");
}

/* Any POST creates a call. */
static void create(struct call *call)
{
    static unsigned long created;
    char body[256], head[160];
    unsigned long number = ++created;
    int size = snprintf(body, sizeof body,
                        "{\"callId\": \"00000000-0000-4000-8000-%012lx\", \"joinUrl\": "
                        "\"ws%s/calls/%lx/server_web_socket\"}", number, origin, number);
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
                          "Content-Length: %d\r\n\r\n", size);
    bytes_add(&call->link.out, head, (size_t)length);
    bytes_add(&call->link.out, body, (size_t)size);
}

/* Serve one request; how many bytes it took, 0 where more has to come. */
static size_t serve_request(struct call *call, uint8_t *data, size_t size)
{
    uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    end[3] = 0;
    const char *head = (char *)data, *length = strcasestr(head, "\r\ncontent-length:");
    size_t whole = (size_t)(end + 4 - data) + (length ? strtoul(length + 17, NULL, 10) : 0);
    if (size < whole) {
        end[3] = '\n';
        return 0;
    }
    if (strcasestr(head, "\r\nupgrade: websocket")) join(call, head);
    else create(call);
    hurry_until = now() + HURRY_S;
    return whole;
}

static void hear(struct call *call, const struct frame *frame)
{
    uint8_t audio[MOST_SAMPLES];
    struct mark found[FOUND];
    int samples = (int)(frame->size / 2 < MOST_SAMPLES ? frame->size / 2 : MOST_SAMPLES);
    if (manner == ECHO) websocket_write(&call->link.out, BINARY, frame->payload, frame->size);
    marks_of_linear(audio, frame->payload, samples);
    int marks = finder_feed(&call->finder, audio, samples, call->link.came_at, found);
    for (int each = 0; each < marks; each++) {
        note(&columns[IDENTITY], found[each].identity);
        note(&columns[ARRIVED_AT], found[each].at);
        note(&columns[RETURNED_AT], now());
    }
}

static void read_message(struct call *call, const struct frame *frame)
{
    char text[1024], pong[1088];
    const char *stamp;
    snprintf(text, sizeof text, "%.*s", (int)frame->size, (char *)frame->payload);
    if (!strstr(text, "\"ping\"") || !(stamp = strstr(text, "\"timestamp\":"))) return;
    snprintf(pong, sizeof pong, "{\"type\": \"pong\", \"timestamp\": %s", stamp + 12);
    if (strchr(pong, '}')) strchr(pong, '}')[1] = 0;
    say(call, pong);
}

static size_t serve_frame(struct call *call, uint8_t *data, size_t size)
{
    struct frame frame;
    size_t whole = websocket_read(data, size, &frame);
    if (!whole) return 0;
    switch (frame.opcode) {
    case BINARY: hear(call, &frame); break;
    case TEXT: read_message(call, &frame); break;
    case PING: websocket_write(&call->link.out, PONG, frame.payload, frame.size); break;
    case CLOSE:
        websocket_write(&call->link.out, CLOSE, frame.payload, frame.size < 2 ? 0 : 2);
        call->ended = true;
        break;
    case PONG: break;
    }
    return whole;
}

static void leave(struct call *call)
{
    link_close(&call->link);
    if (call->before) call->before->next = call->next;
    else calls = call->next;
    if (call->next) call->next->before = call->before;
    free(call);
}

/* Send what is to be sent; watch for room where the socket has none. The call may be gone after. */
static void flush(struct call *call)
{
    if (!link_flush(&call->link) || (call->ended && !call->link.wire.size)) {
        leave(call);
        return;
    }
    if (call->watched == (call->link.wire.size > 0)) return;
    call->watched = !call->watched;
    struct epoll_event event = {.events = call->watched ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                .data.ptr = call};
    epoll_ctl(polled, EPOLL_CTL_MOD, call->link.socket, &event);
}

static void serve(struct call *call)
{
    size_t done = 0, taken;
    if (!link_read(&call->link)) {
        leave(call);
        return;
    }
    struct bytes *in = &call->link.in;
    if (!call->joined) hurry_until = now() + HURRY_S;
    do {
        taken = (call->joined ? serve_frame : serve_request)(call, in->data + done, in->size - done);
        done += taken;
    } while (taken && done < in->size && !call->ended);
    bytes_take(in, done);
    flush(call);
}

static void accept_all(int listener)
{
    int socket;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct call *call = calloc(1, sizeof *call);
        struct epoll_event readable = {.events = EPOLLIN, .data.ptr = call};
        if (!call) die("calloc");
        link_open(&call->link, socket, tls);
        call->next = calls;
        if (calls) calls->before = call;
        calls = call;
        epoll_ctl(polled, EPOLL_CTL_ADD, socket, &readable);
        hurry_until = now() + HURRY_S;
    }
}

/* Say a burst, or take it back, where that is due. */
static void burst(struct call *call, double at)
{
    uint8_t payload[FRAME_BYTES];
    int16_t pcm[FRAME_BYTES];
    uint32_t identity = frame_identity(call->number, call->burst);
    if (call->clear_at && call->clear_at <= at) {
        call->clear_at = 0;
        call->burst++;
        say(call, "{\"type\": \"playback_clear_buffer\"}");
        note(&columns[CLEARED], identity);
        note(&columns[CLEARED_AT], now());
        flush(call);
    } else if (call->say_at <= at) {
        frame_write(payload, identity);
        for (int each = 0; each < FRAME_BYTES; each++) pcm[each] = mulaw_to_linear(payload[each]);
        for (int each = 0; each < BURST_FRAMES; each++)
            websocket_write(&call->link.out, BINARY, pcm, sizeof pcm);
        /* Anywhere within a frame. */
        call->clear_at = at + CLEAR_AFTER_S + FRAME_S * (double)(random() % 1000) / 1000;
        call->say_at = at + BURST_EVERY_S;
        flush(call);
    }
}

static int joined(void)
{
    int found = 0;
    for (struct call *each = calls; each; each = each->next) found += each->joined;
    return found;
}

static void close_all(void)
{
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 255};
    struct call *next;
    for (struct call *each = calls; each; each = next) {
        next = each->next;
        if (!each->joined) continue;
        websocket_write(&each->link.out, CLOSE, normal, sizeof normal);
        flush(each);
    }
}

static void obey(const char *word, const char *argument)
{
    char line[64];
    if (!strcmp(word, "close")) close_all();
    snprintf(line, sizeof line, "{\"calls\": %d}", joined());
    if (!strcmp(word, "end")) {
        hand_over(argument, columns, COLUMNS, line);
        forget(columns, COLUMNS);
        return;
    }
    if (!strcmp(word, "begin")) forget(columns, COLUMNS);
    else if (!strcmp(word, "echo")) manner = ECHO;
    else if (!strcmp(word, "silent")) manner = SILENT;
    else if (!strcmp(word, "burst")) manner = BURST;
    else if (strcmp(word, "close")) {
        fprintf(stderr, "unknown order %s\n", word);
        exit(1);
    }
    answer(line);
}

static int listening(const char *host)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof where;
    int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (made < 0 || inet_pton(AF_INET, host, &where.sin_addr) != 1 ||
        bind(made, (struct sockaddr *)&where, size) || listen(made, 1024) ||
        getsockname(made, (struct sockaddr *)&where, &size))
        die(host);
    snprintf(origin, sizeof origin, "%s://%s:%d", tls ? "s" : "", host, ntohs(where.sin_port));
    return made;
}

/* Serve all that has come; false when the orders have ended. */
static bool drain(int listener)
{
    struct epoll_event ready[512];
    int events = epoll_wait(polled, ready, 512, 0);
    for (int each = 0; each < events; each++) {
        if (ready[each].data.ptr == ORDERS) {
            if (!read_orders(obey)) return false;
            break; /* an order may have ended calls that are ready too */
        }
        if (ready[each].data.ptr == LISTENER) accept_all(listener);
        else serve(ready[each].data.ptr);
    }
    return true;
}

static void run(int listener)
{
    double due = now(), at = due;
    while (drain(listener)) {
        if (manner == BURST)
            for (struct call *each = calls, *after; each; each = after) {
                after = each->next;
                if (each->joined) burst(each, at);
            }
        due += at < hurry_until ? SHORT_REST_S : REST_S;
        rest_until(due);
        at = now();
        note(&columns[LATE], at - due);
        if (at - due > REST_S) due = at; /* what was slept over is not made up for */
    }
}

int main(int arguments, char **argument)
{
    struct epoll_event orders = {.events = EPOLLIN, .data.ptr = ORDERS};
    struct epoll_event comers = {.events = EPOLLIN, .data.ptr = LISTENER};
    struct rlimit files;
    if (arguments != 2 && arguments != 4) {
        fprintf(stderr, "usage: echo HOST [CERTIFICATE KEY]\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    rest_exactly();
    if (arguments == 4) tls = tls_context(argument[2], argument[3]);
    int listener = listening(argument[1]);
    polled = epoll_create1(0);
    epoll_ctl(polled, EPOLL_CTL_ADD, STDIN_FILENO, &orders);
    epoll_ctl(polled, EPOLL_CTL_ADD, listener, &comers);
    printf("{\"api_url\": \"http%s/api\"}\n", origin);
    fflush(stdout);
    run(listener);
    return 0;
}
