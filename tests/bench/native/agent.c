#define _GNU_SOURCE
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "websocket.h"

enum { BURST_FRAMES = 75, MOST_SAMPLES = 1024 };
static const double TOOL_EVERY_S = 0.5, BURST_EVERY_S = 1.0, CLEAR_AFTER_S = 0.5, FRAME_S = 0.02;

struct column columns[COLUMNS] = {
    {.name = "identity"}, {.name = "arrived_at"}, {.name = "returned_at"},
    {.name = "cleared"},  {.name = "cleared_at"}, {.name = "late"},
};
enum manner manner;
bool tooling;
char origin[64];
static int numbers;

static void say(struct agent *agent, const char *text)
{
    websocket_write(&agent->link.out, TEXT, text, strlen(text));
}

static void join(struct agent *agent, const char *head)
{
    const char *key = strcasestr(head, "\r\nsec-websocket-key:");
    char value[65] = "";
    if (key) sscanf(key + 20, " %64s", value);
    websocket_accept(&agent->link.out, value);
    agent->joined = true;
    agent->number = numbers++ % SPEAKERS;
    agent->ask_at = now() + (double)(agent->number * 49 % 80) / 80 * TOOL_EVERY_S;
    agent->say_at = now() + (double)(agent->number * 49 % 80) / 80 * BURST_EVERY_S;
    say(agent, "{\"type\": \"call_started\", \"callId\": \"\"}");
    say(agent, "{\"type\": \"state\", \"state\": \"listening\"}");
}

/* Any POST creates a call. */
static void create(struct agent *agent)
{
    static unsigned long created;
    char body[256], head[160];
    unsigned long number = ++created;
    int size = snprintf(body, sizeof body,
                        "{\"callId\": \"00000000-0000-4000-8000-%012lx\", \"joinUrl\": "
                        "\"ws%s/calls/%lx/server_web_socket\"}", number, origin, number);
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
                          "Content-Length: %d\r\n\r\n", size);
    bytes_add(&agent->link.out, head, (size_t)length);
    bytes_add(&agent->link.out, body, (size_t)size);
}

/* Serve one request; how many bytes it took, 0 where more has to come. */
static size_t serve_request(struct agent *agent, uint8_t *data, size_t size)
{
    uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    end[3] = 0;
    const char *head = (char *)data, *length = strcasestr(head, "\r\ncontent-length:");
    size_t whole = (size_t)(end + 4 - data) + (length ? strtoul(length + 17, NULL, 10) : 0);
    if (size < whole) {
        end[3] = '\n';
        return 0;
    }
    if (strcasestr(head, "\r\nupgrade: websocket")) join(agent, head);
    else create(agent);
    return whole;
}

static void hear(struct agent *agent, const struct frame *frame)
{
    uint8_t audio[MOST_SAMPLES];
    struct mark found[FOUND];
    int samples = (int)(frame->size / 2 < MOST_SAMPLES ? frame->size / 2 : MOST_SAMPLES);
    if (manner == ECHO) websocket_write(&agent->link.out, BINARY, frame->payload, frame->size);
    marks_of_linear(audio, frame->payload, samples);
    int marks = finder_feed(&agent->finder, audio, samples, agent->link.came_at, found);
    for (int each = 0; each < marks; each++) {
        note(&columns[IDENTITY], found[each].identity);
        note(&columns[ARRIVED_AT], found[each].at);
        note(&columns[RETURNED_AT], now());
    }
}

static void read_message(struct agent *agent, const struct frame *frame)
{
    char text[1024], pong[1088];
    const char *stamp;
    snprintf(text, sizeof text, "%.*s", (int)frame->size, (char *)frame->payload);
    if (!strstr(text, "\"ping\"") || !(stamp = strstr(text, "\"timestamp\":"))) return;
    snprintf(pong, sizeof pong, "{\"type\": \"pong\", \"timestamp\": %s", stamp + 12);
    if (strchr(pong, '}')) strchr(pong, '}')[1] = 0;
    say(agent, pong);
}

static size_t serve_frame(struct agent *agent, uint8_t *data, size_t size)
{
    struct frame frame;
    size_t whole = websocket_read(data, size, &frame);
    if (!whole) return 0;
    switch (frame.opcode) {
    case BINARY: hear(agent, &frame); break;
    case TEXT: read_message(agent, &frame); break;
    case PING: websocket_write(&agent->link.out, PONG, frame.payload, frame.size); break;
    case CLOSE:
        websocket_write(&agent->link.out, CLOSE, frame.payload, frame.size < 2 ? 0 : 2);
        agent->ended = true;
        break;
    case PONG: break;
    }
    return whole;
}

bool agent_serve(struct agent *agent)
{
    size_t done = 0, taken;
    if (!link_read(&agent->link)) return false;
    struct bytes *in = &agent->link.in;
    do {
        taken = (agent->joined ? serve_frame : serve_request)(agent, in->data + done,
                                                              in->size - done);
        done += taken;
    } while (taken && done < in->size && !agent->ended);
    bytes_take(in, done);
    return true;
}

bool agent_burst(struct agent *agent, double at)
{
    uint8_t payload[FRAME_BYTES];
    int16_t pcm[FRAME_BYTES];
    uint32_t identity = frame_identity(agent->number, agent->burst);
    if (agent->clear_at && agent->clear_at <= at) {
        agent->clear_at = 0;
        agent->burst++;
        say(agent, "{\"type\": \"playback_clear_buffer\"}");
        note(&columns[CLEARED], identity);
        note(&columns[CLEARED_AT], now());
        return true;
    }
    if (agent->say_at <= at) {
        frame_write(payload, identity);
        for (int each = 0; each < FRAME_BYTES; each++) pcm[each] = mulaw_to_linear(payload[each]);
        for (int each = 0; each < BURST_FRAMES; each++)
            websocket_write(&agent->link.out, BINARY, pcm, sizeof pcm);
        /* Anywhere within a frame. */
        agent->clear_at = at + CLEAR_AFTER_S + FRAME_S * (double)(random() % 1000) / 1000;
        agent->say_at = at + BURST_EVERY_S;
        return true;
    }
    return false;
}

bool agent_tool(struct agent *agent, double at)
{
    char text[160];
    if (agent->ask_at > at) return false;
    agent->ask_at = at + TOOL_EVERY_S;
    snprintf(text, sizeof text,
             "{\"type\": \"client_tool_invocation\", \"toolName\": \"%s\", "
             "\"invocationId\": \"%d-%lu\", \"parameters\": {\"number\": %lu}}",
             agent->number ? "look_up" : "compute", agent->number, agent->asked, agent->asked);
    agent->asked++;
    say(agent, text);
    return true;
}

void agent_close(struct agent *agent)
{
    static const uint8_t normal[2] = {1000 >> 8, 1000 & 255};
    websocket_write(&agent->link.out, CLOSE, normal, sizeof normal);
}
