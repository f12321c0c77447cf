/* Orders in lines on standard input, answers in lines of JSON on standard output, and what was
   seen in columns of numbers, which the answer to `end FILE` leaves in a file. */

#ifndef BENCH_ORDERS_H
#define BENCH_ORDERS_H

#include <stddef.h>

struct column {
    const char *name;
    double *values;
    size_t count, room;
};

void note(struct column *column, double value);
void forget(struct column *columns, size_t count);

/* Write one line of JSON with the columns' names and lengths, then their values, then `answer`
   on standard output: in a process of its own, so that the load does not stop meanwhile. */
void hand_over(const char *file, const struct column *columns, size_t count, const char *answer);

void answer(const char *line);

/* The orders that have come, cut into word and argument ("" where there is none); false when the
   input has ended. */
int read_orders(void (*obey)(const char *word, const char *argument));

/* Tell what failed, as errno has it, and leave. */
void die(const char *what) __attribute__((noreturn));

#endif
