/* The callers' telephones: marked G.711 out on an absolute 20 ms schedule, and what is heard of it.

       phones HOST COUNT

   A phone learns where to send from the first packet it hears, as a bridge does, and takes a new
   source for a new call. Beats are spread over the 20 ms as real callers' are. Orders: `begin` a
   window, `end FILE` it and write what was seen, `status`. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "mark.h"
#include "orders.h"

enum {
    PHASES = 80,         /* beats within a frame: 0.25 ms apart */
    STRIDE = 49,         /* from one phone's phase to the next's: near PHASES' golden section, so that
                            any number of phones is spread evenly, and its own inverse modulo PHASES */
    BEATS_A_DRAIN = 4,
    FIRST_PORT = 30000,  /* below the kernel's ephemeral range, so that nobody is given them */
    LAST_PORT = 32700,
    HEADER = 12,         /* RFC 3550 section 5.1 */
    SENT = 512,          /* frames whose sending is remembered: 10 s */
    AT_ONCE = 8,         /* packets taken from one socket by one call */
    PACKET = 2048
};
static const double FRAME_S = 0.02;
static const double QUIET_S = 0.5;     /* a call is over when nothing was heard for so long */
static const double PLAUSIBLE_S = 5.0; /* no echo is older */

struct phone {
    int number, socket;
    struct sockaddr_in remote;
    double heard_at;
    bool echoed;         /* its echo has begun */
    struct finder finder;
    uint32_t source, frames;
    double sent_at[SENT];
    uint32_t last_heard; /* the identity of the last mark */
    bool sounding;       /* the last packet was not silence */
    double sounded_at;
};

/* How late each packet left against the schedule; frames that came back, when they were sent and
   when their first byte reached our socket; the caller of each packet received, its RTP timestamp
   in seconds, and when it came; where sound ended in silence: its last mark, and its last packet. */
enum { LATE, IDENTITY, SENT_AT, HEARD_AT, PACKET_OF, PACKET_TIME, PACKET_AT, ENDED, ENDED_AT, COLUMNS };
static struct column columns[COLUMNS] = {
    {.name = "late"},      {.name = "identity"},    {.name = "sent_at"},
    {.name = "heard_at"},  {.name = "packet_of"},   {.name = "packet_time"},
    {.name = "packet_at"}, {.name = "ended"},       {.name = "ended_at"},
};
static long sent, filled, strange, broken_before;
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

static bool live(const struct phone *phone, double at) { return at - phone->heard_at < QUIET_S; }

static void put32(uint8_t *place, uint32_t value)
{
    value = htonl(value);
    memcpy(place, &value, sizeof value);
}

static void send_frame(struct phone *phone, double due)
{
    double at = now();
    if (!live(phone, at)) return;
    uint32_t number = phone->frames++;
    uint8_t packet[HEADER + FRAME_BYTES] = {0x80, 0, (uint8_t)(number >> 8), (uint8_t)number};
    put32(packet + 4, number * FRAME_BYTES);
    put32(packet + 8, phone->source);
    frame_write(packet + HEADER, frame_identity(phone->number, number));
    phone->sent_at[number % SENT] = at;
    sendto(phone->socket, packet, sizeof packet, 0, (struct sockaddr *)&phone->remote,
           sizeof phone->remote);
    sent++;
    note(&columns[LATE], at - due);
}

/* Begin to talk with a new party. */
static void take_call(struct phone *phone, struct sockaddr_in source)
{
    phone->remote = source;
    phone->echoed = phone->sounding = false;
    broken_before += phone->finder.broken;
    phone->finder = (struct finder){0};
    phone->source = (uint32_t)random();
}

static void hear_mark(struct phone *phone, struct mark mark)
{
    uint32_t age = (phone->frames - 1 - mark.identity) % FRAMES;
    double sent_at = phone->sent_at[mark.identity % FRAMES % SENT];
    phone->last_heard = mark.identity;
    if (mark.identity / FRAMES != (uint32_t)phone->number || age >= SENT || age >= phone->frames ||
        mark.at - sent_at > PLAUSIBLE_S || mark.at < sent_at) {
        strange++;
        return;
    }
    phone->echoed = true;
    note(&columns[IDENTITY], mark.identity);
    note(&columns[SENT_AT], sent_at);
    note(&columns[HEARD_AT], mark.at);
}

static bool silent(const uint8_t *payload, int size)
{
    for (int each = 0; each < size; each++)
        if (payload[each] != SILENCE) return false;
    return true;
}

static void hear(struct phone *phone, const uint8_t *packet, int size, double at)
{
    struct mark found[FOUND];
    uint32_t stamp;
    phone->heard_at = at;
    if (size <= HEADER || packet[1] & 0x7f) return;
    memcpy(&stamp, packet + 4, sizeof stamp);
    note(&columns[PACKET_OF], phone->number);
    note(&columns[PACKET_TIME], ntohl(stamp) / 8000.0);
    note(&columns[PACKET_AT], at);
    if (!silent(packet + HEADER, size - HEADER)) {
        int marks = finder_feed(&phone->finder, packet + HEADER, size - HEADER, at, found);
        for (int each = 0; each < marks; each++) hear_mark(phone, found[each]);
        phone->sounding = true;
        phone->sounded_at = at;
        return;
    }
    if (phone->echoed) filled++;
    if (!phone->sounding) return;
    phone->sounding = false;
    note(&columns[ENDED], phone->last_heard);
    note(&columns[ENDED_AT], phone->sounded_at);
}

static void take_packets(struct phone *phone)
{
    static uint8_t packets[AT_ONCE][PACKET];
    struct mmsghdr messages[AT_ONCE];
    struct iovec places[AT_ONCE];
    struct sockaddr_in sources[AT_ONCE];
    char control[AT_ONCE][CMSG_SPACE(sizeof(struct timespec))];
    for (int each = 0; each < AT_ONCE; each++) {
        places[each] = (struct iovec){packets[each], PACKET};
        messages[each].msg_hdr = (struct msghdr){
            .msg_name = &sources[each], .msg_namelen = sizeof *sources,
            .msg_iov = &places[each], .msg_iovlen = 1,
            .msg_control = control[each], .msg_controllen = sizeof *control};
    }
    int came = recvmmsg(phone->socket, messages, AT_ONCE, MSG_DONTWAIT, NULL);
    for (int each = 0; each < came; each++) {
        if (sources[each].sin_port != phone->remote.sin_port ||
            sources[each].sin_addr.s_addr != phone->remote.sin_addr.s_addr)
            take_call(phone, sources[each]);
        hear(phone, packets[each], (int)messages[each].msg_len, arrival(&messages[each].msg_hdr));
    }
}

static int live_phones(void)
{
    double at = now();
    int up = 0;
    for (int each = 0; each < count; each++) up += live(&phones[each], at);
    return up;
}

static long broken_marks(void)
{
    long all = broken_before;
    for (int each = 0; each < count; each++) all += phones[each].finder.broken;
    return all;
}

static void begin(void)
{
    forget(columns, COLUMNS);
    sent = filled = strange = 0;
    broken_before -= broken_marks();
}

static void obey(const char *word, const char *argument)
{
    char line[256];
    snprintf(line, sizeof line,
             "{\"live\": %d, \"sent\": %ld, \"filled\": %ld, \"strange\": %ld, \"broken\": %ld}",
             live_phones(), sent, filled, strange, broken_marks());
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
        phone->number = each;
        phone->heard_at = -QUIET_S;
        phone->socket = next_socket(host, &port);
        stamp_arrivals(phone->socket);
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
            if (ready[each].data.ptr) take_packets(ready[each].data.ptr);
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
            send_frame(&phones[each], due);
        if (beat % BEATS_A_DRAIN == 0 && !drain(poll)) return 0;
    }
}
