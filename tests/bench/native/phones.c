/* The callers' telephones: marked G.711 out on an absolute 20 ms schedule, and what is heard of it.

       phones HOST COUNT

   Beats are spread over the 20 ms as real callers' are. Orders: `begin` a window, `end FILE` it and
   write what was seen, `status`. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "orders.h"
#include "phone.h"

enum {
    PHASES = 80,         /* beats within a frame: 0.25 ms apart */
    STRIDE = 49,         /* from one phone's phase to the next's: near PHASES' golden section, so that
                            any number of phones is spread evenly, and its own inverse modulo PHASES */
    BEATS_A_DRAIN = 4,
    FIRST_PORT = 30000,  /* below the kernel's ephemeral range, so that nobody is given them */
    LAST_PORT = 32700
};
static const double FRAME_S = 0.02;

static struct phone *phones;
static int count;

static struct sockaddr_in address(const char *host, int port)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &where.sin_addr) != 1) die(host);
    return where;
}

static int bound(const char *host, int port)
{
    struct sockaddr_in where = address(host, port);
    int made = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (made < 0) die("socket");
    if (!bind(made, (struct sockaddr *)&where, sizeof where)) return made;
    close(made);
    return -1;
}

/* An RTP socket on the next free pair of ports; the RTCP port only swallows. */
static int next_socket(const char *host, int *port)
{
    for (; *port < LAST_PORT; *port += 2) {
        int rtp = bound(host, *port), rtcp = rtp < 0 ? -1 : bound(host, *port + 1), none = 0;
        if (rtcp >= 0) {
            setsockopt(rtcp, SOL_SOCKET, SO_RCVBUF, &none, sizeof none);
            return rtp;
        }
        if (rtp >= 0) close(rtp);
    }
    fprintf(stderr, "no pair of ports is free up to %d\n", LAST_PORT);
    exit(1);
}

static int live_phones(void)
{
    double at = now();
    int up = 0;
    for (int each = 0; each < count; each++) up += phone_live(&phones[each], at);
    return up;
}

static long broken_marks(void)
{
    long all = record.broken;
    for (int each = 0; each < count; each++) all += phones[each].finder.broken;
    return all;
}

static void begin(void)
{
    forget(columns, COLUMNS);
    record = (struct record){.broken = record.broken - broken_marks()};
}

static void obey(const char *word, const char *argument)
{
    char line[256];
    snprintf(line, sizeof line,
             "{\"live\": %d, \"sent\": %ld, \"filled\": %ld, \"strange\": %ld, \"broken\": %ld}",
             live_phones(), record.sent, record.filled, record.strange, broken_marks());
    if (!strcmp(word, "begin")) {
        begin();
        answer(line);
    } else if (!strcmp(word, "end")) {
        hand_over(argument, columns, COLUMNS, line);
        begin();
    } else if (!strcmp(word, "status")) {
        answer(line);
    } else {
        fprintf(stderr, "unknown order %s\n", word);
        exit(1);
    }
}

static void open_phones(const char *host, int poll)
{
    int port = FIRST_PORT;
    phones = calloc((size_t)count, sizeof *phones);
    if (!phones) die("calloc");
    printf("{\"ports\": [");
    for (int each = 0; each < count; each++, port += 2) {
        struct phone *phone = &phones[each];
        struct epoll_event readable = {.events = EPOLLIN, .data.ptr = phone};
        phone_open(phone, each, next_socket(host, &port));
        epoll_ctl(poll, EPOLL_CTL_ADD, phone->socket, &readable);
        printf("%s%d", each ? ", " : "", port);
    }
    answer("]}");
}

/* Serve all that has come; false when the orders have ended. */
static bool drain(int poll)
{
    struct epoll_event ready[256];
    int events;
    do {
        events = epoll_wait(poll, ready, 256, 0);
        for (int each = 0; each < events; each++)
            if (ready[each].data.ptr) phone_receive(ready[each].data.ptr);
            else if (!read_orders(obey)) return false;
    } while (events == 256);
    return true;
}

int main(int arguments, char **argument)
{
    struct epoll_event orders = {.events = EPOLLIN};
    struct rlimit files;
    if (arguments != 3 || (count = atoi(argument[2])) < 1 || count > SPEAKERS) {
        fprintf(stderr, "usage: phones HOST COUNT\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    rest_exactly();
    int poll = epoll_create1(0);
    epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &orders);
    open_phones(argument[1], poll);
    double start = now();
    for (uint64_t beat = 0;; beat++) {
        double due = start + (double)beat * FRAME_S / PHASES;
        rest_until(due);
        for (int each = (int)(beat * STRIDE % PHASES); each < count; each += PHASES)
            phone_send(&phones[each], due);
        if (beat % BEATS_A_DRAIN == 0 && !drain(poll)) return 0;
    }
}
