/* A buffer that grows. */

#ifndef BENCH_BYTES_H
#define BENCH_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;
    size_t size, room;
};

/* Room for `more` bytes at the end; they count only once `size` is raised. */
uint8_t *bytes_room(struct bytes *bytes, size_t more);
void bytes_add(struct bytes *bytes, const void *data, size_t size);
/* Forget the first `size` bytes. */
void bytes_take(struct bytes *bytes, size_t size);
void bytes_free(struct bytes *bytes);

#endif
