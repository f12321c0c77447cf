#define _GNU_SOURCE
#include "phone.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum {
    HEADER = 12,         /* RFC 3550 section 5.1 */
    AT_ONCE = 8,         /* packets taken from one socket by one call */
    PACKET = 2048
};
static const double QUIET_S = 0.5;     /* a call is over when nothing was heard for so long */
static const double PLAUSIBLE_S = 5.0; /* no echo is older */

struct record record;
struct column columns[COLUMNS] = {
    {.name = "late"},      {.name = "identity"},    {.name = "sent_at"},
    {.name = "heard_at"},  {.name = "packet_of"},   {.name = "packet_time"},
    {.name = "packet_at"}, {.name = "ended"},       {.name = "ended_at"},
};

void phone_open(struct phone *phone, int number, int socket)
{
    phone->number = number;
    phone->socket = socket;
    phone->heard_at = -QUIET_S;
    stamp_arrivals(socket);
}

bool phone_live(const struct phone *phone, double at) { return at - phone->heard_at < QUIET_S; }

static void put32(uint8_t *place, uint32_t value)
{
    value = htonl(value);
    memcpy(place, &value, sizeof value);
}

void phone_send(struct phone *phone, double due)
{
    double at = now();
    if (!phone_live(phone, at)) return;
    uint32_t number = phone->frames++;
    uint8_t packet[HEADER + FRAME_BYTES] = {0x80, 0, (uint8_t)(number >> 8), (uint8_t)number};
    put32(packet + 4, number * FRAME_BYTES);
    put32(packet + 8, phone->source);
    frame_write(packet + HEADER, frame_identity(phone->number, number));
    phone->sent_at[number % SENT] = at;
    sendto(phone->socket, packet, sizeof packet, 0, (struct sockaddr *)&phone->remote,
           sizeof phone->remote);
    record.sent++;
    note(&columns[LATE], at - due);
}

/* Begin to talk with a new party. */
static void take_call(struct phone *phone, struct sockaddr_in source)
{
    phone->remote = source;
    phone->echoed = phone->sounding = false;
    record.broken += phone->finder.broken;
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
        record.strange++;
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
    if (phone->echoed) record.filled++;
    if (!phone->sounding) return;
    phone->sounding = false;
    note(&columns[ENDED], phone->last_heard);
    note(&columns[ENDED_AT], phone->sounded_at);
}

void phone_receive(struct phone *phone)
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
