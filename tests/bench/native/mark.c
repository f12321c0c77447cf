#define _GNU_SOURCE
#include "mark.h"

#include <stdbool.h>
#include <string.h>

enum { SYNC = 0xfe /* +8 */, DIGITS = 8, BITS = 5, CHECK_BITS = 15, CHECK_POLYNOMIAL = 0x4599 };

/* Digits are base 32: 0xec to 0xfb and 0x6c to 0x7b, +-32 to +-180. */
static uint8_t digit(unsigned value) { return (uint8_t)((value < 16 ? 0xec : 0x5c) + value); }

static int value_of(uint8_t byte)
{
    if (byte >= 0xec && byte < 0xfc) return byte - 0xec;
    if (byte >= 0x6c && byte < 0x7c) return byte - 0x5c;
    return -1;
}

/* The cyclic redundancy check of CAN, over 25 bits. */
static unsigned check(uint32_t identity)
{
    unsigned rest = 0;
    for (int bit = 24; bit >= 0; bit--) {
        unsigned carry = (rest >> (CHECK_BITS - 1) ^ identity >> bit) & 1;
        rest = (rest << 1 & 0x7fff) ^ (carry ? CHECK_POLYNOMIAL : 0);
    }
    return rest;
}

uint32_t frame_identity(int speaker, uint32_t number)
{
    return (uint32_t)speaker * FRAMES + number % FRAMES;
}

void frame_write(uint8_t *payload, uint32_t identity)
{
    bool pausing = identity % FRAMES % (SPEECH_FRAMES + PAUSE_FRAMES) >= SPEECH_FRAMES;
    uint64_t whole = (uint64_t)identity << CHECK_BITS | check(identity);
    uint32_t noise = 7;
    payload[0] = SYNC;
    for (int each = 0; each < DIGITS; each++)
        payload[1 + each] = digit(whole >> BITS * (DIGITS - 1 - each) & 31);
    for (int each = MARK_BYTES; each < FRAME_BYTES; each++) {
        noise = noise * 1664525 + 1013904223;
        payload[each] = pausing ? digit(noise >> 27) : (uint8_t)(0xa0 + (noise >> 26));
    }
}

/* The identity that digits say, or -1 where they are none or fail the check. */
static int64_t read_digits(const uint8_t *digits, long *broken)
{
    uint64_t whole = 0;
    for (int each = 0; each < DIGITS; each++) {
        int value = value_of(digits[each]);
        if (value < 0) return -1;
        whole = whole << BITS | (unsigned)value;
    }
    uint32_t identity = (uint32_t)(whole >> CHECK_BITS);
    if (identity < FRAMES * SPEAKERS && check(identity) == (whole & 0x7fff)) return identity;
    ++*broken;
    return -1;
}

int finder_feed(struct finder *finder, const uint8_t *audio, int size, double at,
                struct mark found[FOUND])
{
    uint8_t stream[MARK_BYTES + 2048];
    int kept = finder->kept, count = 0;
    memcpy(stream, finder->cut, (size_t)kept);
    memcpy(stream + kept, audio, (size_t)size);
    finder->kept = 0;
    const uint8_t *end = stream + kept + size, *start = stream;
    while ((start = memchr(start, SYNC, (size_t)(end - start)))) {
        double began = start - stream < kept ? finder->cut_at : at;
        if (end - start < MARK_BYTES) {
            finder->kept = (int)(end - start);
            finder->cut_at = began;
            memcpy(finder->cut, start, (size_t)finder->kept);
            break;
        }
        int64_t identity = read_digits(start + 1, &finder->broken);
        if (identity >= 0 && count < FOUND)
            found[count++] = (struct mark){(uint32_t)identity, began};
        start++;
    }
    return count;
}

int16_t mulaw_to_linear(uint8_t byte)
{
    byte = (uint8_t)~byte;
    int magnitude = (((byte & 15) << 3) + 132) << (byte >> 4 & 7);
    return (int16_t)(byte & 128 ? 132 - magnitude : magnitude - 132);
}

void marks_of_linear(uint8_t *audio, const uint8_t *pcm, int samples)
{
    static uint8_t exact[512];
    if (!exact[256 + 8])
        for (int byte = 0; byte < 256; byte++) {
            int linear = mulaw_to_linear((uint8_t)byte);
            if (linear >= -256 && linear < 256 && byte != 0x7f) exact[256 + linear] = (uint8_t)byte;
        }
    for (int each = 0; each < samples; each++) {
        int16_t sample;
        memcpy(&sample, pcm + 2 * each, sizeof sample);
        audio[each] = sample >= -256 && sample < 256 ? exact[256 + sample] : 0;
    }
}
