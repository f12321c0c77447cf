/* The server's half of a WebSocket (RFC 6455), as far as a well-behaved client needs it. */

#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include <stdbool.h>

#include "bytes.h"

enum opcode { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct frame {
    enum opcode opcode;
    uint8_t *payload;    /* unmasked, within what it was read from */
    size_t size;
};

/* Answer the client's Sec-WebSocket-Key. */
void websocket_accept(struct bytes *out, const char *key);
void websocket_write(struct bytes *out, enum opcode opcode, const void *payload, size_t size);
/* The next frame of `size` bytes, which are changed by it; returns its whole length, 0 where more
   has to come. Frames are taken to be whole messages. */
size_t websocket_read(uint8_t *data, size_t size, struct frame *frame);

#endif
