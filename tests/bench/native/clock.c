#define _GNU_SOURCE
#include "clock.h"

#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static double seconds(struct timespec at) { return (double)at.tv_sec + (double)at.tv_nsec / 1e9; }

double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return seconds(at);
}

void rest_until(double due)
{
    struct timespec at = {(time_t)due, (long)((due - (double)(time_t)due) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

void rest_exactly(void) { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

void stamp_arrivals(int socket)
{
    int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

double arrival(struct msghdr *message)
{
    struct cmsghdr *each;
    for (each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each))
        if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS) {
            /* The stamp is of the time of day, which may be slewed: compared with it each time. */
            struct timespec stamp, day;
            memcpy(&stamp, CMSG_DATA(each), sizeof stamp);
            clock_gettime(CLOCK_REALTIME, &day);
            return now() - (double)(day.tv_sec - stamp.tv_sec) -
                   (double)(day.tv_nsec - stamp.tv_nsec) / 1e9;
        }
    return now();
}
