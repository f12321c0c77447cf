/* Marks in G.711 mu-law audio that say which frame of whom a byte came from.

   Every frame begins with one: a byte that occurs nowhere else, five digits that number the frame,
   three that check them. What comes back is searched as a stream of bytes, so a frame is recognised
   wherever the packets' boundaries fall. It works because mu-law to linear and back is the identity
   on every byte but 0x7f, the negative zero, which is never sent. A frame that was made a sample
   longer or shorter on its way holds other digits; the check finds all but one in 32768 of those.

   Speakers talk and pause as people do. The marks are faint, below -44 dBFS, so that a pause with
   marks in it still is one. */

#ifndef BENCH_MARK_H
#define BENCH_MARK_H

#include <stdint.h>

enum {
    FRAME_BYTES = 160,   /* 20 ms of G.711 */
    FRAMES = 1 << 14,    /* frame numbers of one speaker before they begin again: 327 s */
    SPEAKERS = 1 << 10,
    SPEECH_FRAMES = 60,  /* of talk and of pause, in turn */
    PAUSE_FRAMES = 30,
    SILENCE = 0xff,      /* what the bridge fills with when it has nothing to play */
    MARK_BYTES = 9,
    FOUND = 64           /* marks in one feeding, at most */
};

struct mark {
    uint32_t identity;   /* speaker * FRAMES + number */
    double at;           /* when its first byte came */
};

/* Finds the marks in one stream, also those cut by a packet's end. */
struct finder {
    uint8_t cut[MARK_BYTES];
    int kept;
    double cut_at;
    long broken;         /* marks whose check failed */
};

uint32_t frame_identity(int speaker, uint32_t number);

/* Write the payload that carries `identity`: one frame of mu-law. */
void frame_write(uint8_t *payload, uint32_t identity);

/* The marks in `size` bytes of mu-law, 2048 at most, that came `at`; returns how many. */
int finder_feed(struct finder *finder, const uint8_t *audio, int size, double at,
                struct mark found[FOUND]);

int16_t mulaw_to_linear(uint8_t byte);

/* Samples as mu-law where they could be of a mark, as 0 where not. */
void marks_of_linear(uint8_t *audio, const uint8_t *pcm, int samples);

#endif
