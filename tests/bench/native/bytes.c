#include "bytes.h"

#include <stdlib.h>
#include <string.h>

#include "orders.h"

uint8_t *bytes_room(struct bytes *bytes, size_t more)
{
    if (bytes->size + more > bytes->room) {
        bytes->room = 2 * (bytes->size + more);
        bytes->data = realloc(bytes->data, bytes->room);
        if (!bytes->data) die("realloc");
    }
    return bytes->data + bytes->size;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    memcpy(bytes_room(bytes, size), data, size);
    bytes->size += size;
}

void bytes_take(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    memmove(bytes->data, bytes->data + size, bytes->size);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}
