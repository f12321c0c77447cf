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

#include "agent.h"
#include "clock.h"
#include "orders.h"

static const double REST_S = 0.00047; /* no part of a millisecond, which bridges like to rest: else a
                                          run would depend on how the two happen to lie */
static const double SHORT_REST_S = 0.0001; /* while calls are set up: each of many steps waits */
static const double HURRY_S = 0.1;

static struct agent *agents; /* connections of both kinds */
static SSL_CTX *tls;
static double hurry_until;
static int polled;
static char places[2];
#define ORDERS (&places[0]) /* what epoll knows the standard input and the listener by */
#define LISTENER (&places[1])

static void leave(struct agent *agent)
{
    /* A child that writes columns holds the socket too: closing it alone would not end the watch. */
    epoll_ctl(polled, EPOLL_CTL_DEL, agent->link.socket, NULL);
    link_close(&agent->link);
    if (agent->before) agent->before->next = agent->next;
    else agents = agent->next;
    if (agent->next) agent->next->before = agent->before;
    free(agent);
}

/* Send what is to be sent; watch for room where the socket has none. The call may be gone after. */
static void flush(struct agent *agent)
{
    if (!link_flush(&agent->link) || (agent->ended && !agent->link.wire.size)) {
        leave(agent);
        return;
    }
    if (agent->watched == (agent->link.wire.size > 0)) return;
    agent->watched = !agent->watched;
    struct epoll_event event = {.events = agent->watched ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                .data.ptr = agent};
    epoll_ctl(polled, EPOLL_CTL_MOD, agent->link.socket, &event);
}

static void serve(struct agent *agent)
{
    if (!agent->joined) hurry_until = now() + HURRY_S;
    if (agent_serve(agent)) flush(agent);
    else leave(agent);
}

static void accept_all(int listener)
{
    int socket;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct agent *agent = calloc(1, sizeof *agent);
        struct epoll_event readable = {.events = EPOLLIN, .data.ptr = agent};
        if (!agent) die("calloc");
        link_open(&agent->link, socket, tls);
        agent->next = agents;
        if (agents) agents->before = agent;
        agents = agent;
        epoll_ctl(polled, EPOLL_CTL_ADD, socket, &readable);
        hurry_until = now() + HURRY_S;
    }
}

static int joined(void)
{
    int found = 0;
    for (struct agent *each = agents; each; each = each->next) found += each->joined;
    return found;
}

static void close_all(void)
{
    struct agent *next;
    for (struct agent *each = agents; each; each = next) {
        next = each->next;
        if (!each->joined) continue;
        agent_close(each);
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
    else if (!strcmp(word, "tools")) tooling = true;
    else if (!strcmp(word, "no-tools")) tooling = false;
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
            break; /* an order may have ended agents that are ready too */
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
        if (manner == BURST || tooling)
            for (struct agent *each = agents, *after; each; each = after) {
                after = each->next;
                if (!each->joined) continue;
                if ((manner == BURST && agent_burst(each, at)) |
                    (tooling && agent_tool(each, at)))
                    flush(each);
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
