/* Time as the benchmark counts it: seconds of CLOCK_MONOTONIC, which is Python's time.monotonic().

   A load that is woken for each packet lets its peer pay for the waking: on one machine the peer's
   sendto() does it. So nothing here waits for a socket. It rests until the next beat of an absolute
   schedule, then takes all that has come; the kernel's time stamps say when that was. */

#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stddef.h>
#include <sys/socket.h>

double now(void);

/* Rest until `due`; returns at once where that is past. */
void rest_until(double due);

/* Let rests end when they should, and not 50 us later. */
void rest_exactly(void);

/* Have the kernel stamp what arrives at a socket. */
void stamp_arrivals(int socket);

/* When the message was received, by the kernel's stamp; now, where it bears none. */
double arrival(struct msghdr *message);

#endif
