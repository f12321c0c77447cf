/* One caller's telephone: sends marked G.711 frames and notes what is heard of them, and when.

   It learns where to send from the first packet it hears, as a bridge does, and takes a new source
   for a new call. */

#ifndef BENCH_PHONE_H
#define BENCH_PHONE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "mark.h"
#include "orders.h"

enum { SENT = 512 };     /* frames whose sending is remembered: 10 s */

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

/* What all phones saw during one window. */
struct record {
    long sent;
    long filled;         /* packets wholly silent, in calls that had begun to hear their echo */
    long strange;        /* marks of frames that were not sent, or too long ago */
    long broken;         /* marks whose check failed, of calls that are over */
};
extern struct record record;

/* How late each packet left against the schedule; frames that came back, when they were sent and
   when their first byte reached our socket; the caller of each packet received, its RTP timestamp
   in seconds, and when it came; where sound ended in silence: its last mark, and its last packet. */
enum { LATE, IDENTITY, SENT_AT, HEARD_AT, PACKET_OF, PACKET_TIME, PACKET_AT, ENDED, ENDED_AT, COLUMNS };
extern struct column columns[COLUMNS];

void phone_open(struct phone *phone, int number, int socket);

/* Whether a call is up. */
bool phone_live(const struct phone *phone, double at);

/* Send the next frame, which was to be sent `due`, if a call is up. */
void phone_send(struct phone *phone, double due);

/* Take the packets that have come. Their time is the kernel's: our own lateness does not count. */
void phone_receive(struct phone *phone);

#endif
