/* One accepted TCP connection, plain or TLS: bytes in, bytes out, and when the last ones came. */

#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "bytes.h"

struct link {
    int socket;
    SSL *ssl;            /* NULL where it is plain; it reads and writes memory, the socket is ours */
    struct bytes in;     /* read and not yet taken */
    struct bytes out;    /* to be written by the next link_flush */
    struct bytes wire;   /* written, and not yet taken by the socket */
    double came_at;      /* of the last bytes in: the kernel's time of their arrival */
};

/* A TLS server's context from PEM files. */
SSL_CTX *tls_context(const char *certificate, const char *key);

void link_open(struct link *link, int socket, SSL_CTX *tls);
/* Read all that has come; false when the connection has ended. */
bool link_read(struct link *link);
/* Write `out`; false when the connection has ended. What the socket does not take stays in `wire`. */
bool link_flush(struct link *link);
void link_close(struct link *link);

#endif
