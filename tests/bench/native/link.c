#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "orders.h"

enum { AT_ONCE = 1 << 16 };

SSL_CTX *tls_context(const char *certificate, const char *key)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (made && SSL_CTX_use_certificate_chain_file(made, certificate) == 1 &&
        SSL_CTX_use_PrivateKey_file(made, key, SSL_FILETYPE_PEM) == 1)
        return made;
    ERR_print_errors_fp(stderr);
    exit(1);
}

void link_open(struct link *link, int socket, SSL_CTX *tls)
{
    int on = 1;
    *link = (struct link){.socket = socket};
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    stamp_arrivals(socket);
    if (!tls) return;
    link->ssl = SSL_new(tls);
    if (!link->ssl) die("SSL_new");
    SSL_set_bio(link->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(link->ssl);
}

/* Let TLS take what the socket gave. */
static bool decrypt(struct link *link, const uint8_t *data, int size)
{
    BIO_write(SSL_get_rbio(link->ssl), data, size);
    for (;;) {
        int got = SSL_read(link->ssl, bytes_room(&link->in, AT_ONCE), AT_ONCE);
        if (got > 0) {
            link->in.size += (size_t)got;
            continue;
        }
        bool waits = SSL_get_error(link->ssl, got) == SSL_ERROR_WANT_READ;
        ERR_clear_error();
        return waits;
    }
}

bool link_read(struct link *link)
{
    static uint8_t data[AT_ONCE];
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec place = {data, sizeof data};
    struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof control};
    ssize_t came = recvmsg(link->socket, &message, MSG_DONTWAIT);
    if (came < 0) return errno == EAGAIN;
    if (!came) return false;
    link->came_at = arrival(&message);
    if (link->ssl) return decrypt(link, data, (int)came);
    bytes_add(&link->in, data, (size_t)came);
    return true;
}

/* Let TLS write, and what it writes be sent, handshakes included. */
static void encrypt(struct link *link)
{
    if (link->out.size && SSL_is_init_finished(link->ssl)) {
        SSL_write(link->ssl, link->out.data, (int)link->out.size);
        link->out.size = 0;
    }
    BIO *written = SSL_get_wbio(link->ssl);
    char *data;
    long size = BIO_get_mem_data(written, &data);
    bytes_add(&link->wire, data, (size_t)size);
    (void)BIO_reset(written);
}

bool link_flush(struct link *link)
{
    if (link->ssl) {
        encrypt(link);
    } else if (link->out.size) {
        bytes_add(&link->wire, link->out.data, link->out.size);
        link->out.size = 0;
    }
    if (!link->wire.size) return true;
    ssize_t gone = send(link->socket, link->wire.data, link->wire.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (gone < 0) return errno == EAGAIN;
    bytes_take(&link->wire, (size_t)gone);
    return true;
}

void link_close(struct link *link)
{
    if (link->ssl) SSL_free(link->ssl);
    shutdown(link->socket, SHUT_RDWR);
    close(link->socket);
    bytes_free(&link->in);
    bytes_free(&link->out);
    bytes_free(&link->wire);
}
