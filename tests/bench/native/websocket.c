#include "websocket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */

void websocket_accept(struct bytes *out, const char *key)
{
    char text[256];
    unsigned char digest[SHA_DIGEST_LENGTH], accepted[64];
    int size = snprintf(text, sizeof text, "%.64s%s", key, GUID);
    SHA1((unsigned char *)text, (size_t)size, digest);
    EVP_EncodeBlock(accepted, digest, sizeof digest);
    size = snprintf(text, sizeof text,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accepted);
    bytes_add(out, text, (size_t)size);
}

void websocket_write(struct bytes *out, enum opcode opcode, const void *payload, size_t size)
{
    uint8_t header[4] = {(uint8_t)(0x80 | opcode), (uint8_t)size};
    size_t length = 2;
    if (size > 125) {    /* and below 65536 */
        header[1] = 126;
        header[2] = (uint8_t)(size >> 8);
        header[3] = (uint8_t)size;
        length = 4;
    }
    bytes_add(out, header, length);
    bytes_add(out, payload, size);
}

size_t websocket_read(uint8_t *data, size_t size, struct frame *frame)
{
    if (size < 2) return 0;
    bool masked = data[1] & 0x80;
    int wide = (data[1] & 127) == 126 ? 2 : (data[1] & 127) == 127 ? 8 : 0;
    size_t header = 2 + (size_t)wide + (masked ? 4 : 0), length = wide ? 0 : data[1] & 127;
    if (size < header) return 0;
    for (int each = 0; each < wide; each++) length = length << 8 | data[2 + each];
    if (size - header < length) return 0;
    *frame = (struct frame){data[0] & 15, data + header, length};
    if (masked)
        for (size_t each = 0; each < length; each++)
            frame->payload[each] ^= data[header - 4 + (each & 3)];
    return header + length;
}
