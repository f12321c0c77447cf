/* One connection of the echoing agent: its REST requests, or the WebSocket of one call. */

#ifndef BENCH_AGENT_H
#define BENCH_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"
#include "mark.h"
#include "orders.h"

struct agent {
    struct link link;
    bool joined;         /* it is a WebSocket */
    bool ended;          /* it closes once all is written */
    bool watched;        /* for room to write */
    int number;
    struct finder finder;
    uint32_t burst;
    double say_at, clear_at, ask_at;
    unsigned long asked;
    struct agent *next, *before;
};

/* Marked frames, when each arrived and when it was sent back; bursts taken back, and when; how
   late each rest ended. */
enum { IDENTITY, ARRIVED_AT, RETURNED_AT, CLEARED, CLEARED_AT, LATE, COLUMNS };
extern struct column columns[COLUMNS];

/* How agents behave: they say what they hear, nothing, or bursts that they take back. */
extern enum manner { ECHO, SILENT, BURST } manner;

/* Whether they use tools besides: the first agent `compute`, the others `look_up`. */
extern bool tooling;

/* What join URLs begin with, the scheme's first letters left out: "s://127.0.0.1:4711". */
extern char origin[64];

/* Serve what has come; false when the connection has ended. What it says waits in `link.out`. */
bool agent_serve(struct agent *agent);

/* Say a burst, or take it back, where that is due; whether there is something to write. */
bool agent_burst(struct agent *agent, double at);

/* Use a tool, where that is due; whether there is something to write. */
bool agent_tool(struct agent *agent, double at);

/* Begin to close the call. */
void agent_close(struct agent *agent);

#endif
