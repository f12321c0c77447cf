/* Encrypted RTP and RTCP (RFC 3711, 6188, 7714) over libcrypto: the compiled twin of rtp/libsrtp.py.
 *
 * A Context is one direction of a stream. A packet is one call and one new bytes object, encrypted
 * straight into it. What does not change from packet to packet is worked out once: the keys of the
 * session, the cipher's schedule, the hash of the key's two pads. Nothing is allocated besides.
 *
 *     counter mode   AES over a run of counter blocks at once, HMAC-SHA1 cut to 4 or 10 octets
 *     GCM            AES-GCM with a tag of 16 octets
 */
#define PY_SSIZE_T_CLEAN
#define OPENSSL_SUPPRESS_DEPRECATED /* a hash's state that is copied by value: EVP's allocates */
#include <Python.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <string.h>

enum {
    LONGEST = 2048, /* octets of a datagram; what is encrypted grows by a tag */
    BLOCK = 16,
    RTP_HEADER = 12,
    RTCP_HEADER = 8, /* of the first packet of a compound one; the rest is encrypted */
    TRAILER = 4,     /* "encrypted" bit and index of a packet of RTCP */
    RTCP_TAG = 10,   /* in counter mode, whatever RTP's is (RFC 4568 section 6.2) */
    GCM_TAG = 16,
    GCM_SALT = 12,
    CM_SALT = 14,
    WINDOW = 128, /* packets before the highest one that are told apart from replayed ones */
    SOURCES = 16, /* SSRCs that are kept apart */
};
#define ENCRYPTED 0x80000000u
#define LAST_RTCP_INDEX 0x7fffffffu

/* What becomes of a packet that does not hold; rtp/libsrtp.py has the same. */
enum { OPENED = 0, UNAUTHENTIC = 1, REPLAYED = 2 };

typedef struct {
    uint64_t highest;
    uint64_t seen[WINDOW / 64]; /* bit n: `highest` less n has come */
    int begun;
} Window;

typedef struct {
    uint32_t ssrc;
    Window rtp, rtcp;
} Source;

typedef struct {
    EVP_CIPHER_CTX *cipher;
    SHA_CTX inner, outer; /* after the key's two pads (RFC 2104) */
    uint8_t salt[CM_SALT];
} Keys;

typedef struct {
    PyObject_HEAD
    Keys rtp, rtcp;
    int gcm;
    int tag; /* octets of RTP's */
    unsigned next; /* source to be replaced next */
    unsigned count;
    Source sources[SOURCES];
} Context;

/* Numbers on the wire. */

static uint32_t get_32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_32(uint8_t *at, uint32_t value)
{
    at[0] = value >> 24, at[1] = value >> 16, at[2] = value >> 8, at[3] = value;
}

/* Combine an SSRC and a 48-bit index with a salt, the SSRC beginning at `at`. */
static void mix(uint8_t *at, uint32_t ssrc, uint64_t index)
{
    for (int i = 0; i < 4; i++)
        at[i] ^= ssrc >> (24 - 8 * i);
    for (int i = 0; i < 6; i++)
        at[4 + i] ^= index >> (40 - 8 * i);
}

/* Order of packets (RFC 3711 section 3.3). */

/* The index that a sequence number stands for, most likely (appendix A). */
static uint64_t estimate(const Window *window, uint16_t sequence)
{
    uint64_t over = window->highest >> 16;
    int last = window->highest & 0xffff;

    if (!window->begun || window->highest <= 0x8000)
        return sequence;
    if (last < 0x8000)
        over -= sequence - last > 0x8000;
    else
        over += last - 0x8000 > sequence;
    return over << 16 | sequence;
}

static int is_new(const Window *window, uint64_t index)
{
    uint64_t behind = window->highest - index;

    if (!window->begun || index > window->highest)
        return 1;
    return behind < WINDOW && !(window->seen[behind / 64] >> behind % 64 & 1);
}

static void note(Window *window, uint64_t index)
{
    uint64_t ahead = index - window->highest, behind = window->highest - index;

    if (!window->begun || (index > window->highest && ahead >= WINDOW)) {
        window->seen[0] = 1;
        window->seen[1] = 0;
    } else if (index > window->highest) {
        if (ahead >= 64) {
            window->seen[1] = window->seen[0] << (ahead - 64);
            window->seen[0] = 0;
        } else {
            window->seen[1] = window->seen[1] << ahead | window->seen[0] >> (64 - ahead);
            window->seen[0] <<= ahead;
        }
        window->seen[0] |= 1;
    } else {
        window->seen[behind / 64] |= (uint64_t)1 << behind % 64;
        return;
    }
    window->highest = index;
    window->begun = 1;
}

/* The source of this SSRC, or `fresh` made into one, which `keep` takes in. */
static Source *find(Context *self, uint32_t ssrc, Source *fresh)
{
    for (unsigned i = 0; i < self->count; i++)
        if (self->sources[i].ssrc == ssrc)
            return &self->sources[i];
    memset(fresh, 0, sizeof *fresh);
    fresh->ssrc = ssrc;
    return fresh;
}

/* A source that has held; the one longest here makes way for it. */
static void keep(Context *self, const Source *source, const Source *fresh)
{
    if (source != fresh)
        return;
    self->sources[self->next] = *fresh;
    self->next = (self->next + 1) % SOURCES;
    if (self->count < SOURCES)
        self->count++;
}

/* Ciphers. Each returns whether libcrypto did its work. */

/* AES in counter mode (section 4.1.1). `out` may be `in`. */
static int run_counter(EVP_CIPHER_CTX *cipher, const uint8_t start[BLOCK], const uint8_t *in,
                       uint8_t *out, int size)
{
    uint8_t stream[LONGEST + BLOCK];
    int blocks = (size + BLOCK - 1) / BLOCK, made;

    if (size <= 0)
        return 1;
    for (int i = 0; i < blocks; i++) {
        memcpy(stream + BLOCK * i, start, BLOCK - 2);
        stream[BLOCK * i + 14] = i >> 8;
        stream[BLOCK * i + 15] = i;
    }
    if (!EVP_EncryptUpdate(cipher, stream, &made, stream, BLOCK * blocks))
        return 0;
    for (int i = 0; i < size; i++)
        out[i] = in[i] ^ stream[i];
    return 1;
}

static int cover(const Keys *keys, uint32_t ssrc, uint64_t index, const uint8_t *in, uint8_t *out,
                 int size)
{
    uint8_t start[BLOCK] = {0};

    memcpy(start, keys->salt, CM_SALT);
    mix(start + 4, ssrc, index);
    return run_counter(keys->cipher, start, in, out, size);
}

/* HMAC-SHA1 (RFC 2104) of a packet and the roll-over count, where there is one. */
static int authenticate(const Keys *keys, const uint8_t *packet, int size, const uint8_t *over,
                        uint8_t tag[SHA_DIGEST_LENGTH])
{
    SHA_CTX hash = keys->inner;

    if (!SHA1_Update(&hash, packet, size) || (over && !SHA1_Update(&hash, over, 4)) ||
        !SHA1_Final(tag, &hash))
        return 0;
    hash = keys->outer;
    return SHA1_Update(&hash, tag, SHA_DIGEST_LENGTH) && SHA1_Final(tag, &hash);
}

/* AES-GCM (RFC 7714) up to its tag, which is checked or made by the caller. */
static int run_gcm(const Keys *keys, int sealing, uint32_t ssrc, uint64_t index,
                   const uint8_t *header, int header_size, const uint8_t *trailer,
                   const uint8_t *in, uint8_t *out, int size)
{
    uint8_t nonce[GCM_SALT];
    int made;

    memcpy(nonce, keys->salt, GCM_SALT);
    mix(nonce + 2, ssrc, index);
    return EVP_CipherInit_ex(keys->cipher, NULL, NULL, NULL, nonce, sealing) &&
           EVP_CipherUpdate(keys->cipher, NULL, &made, header, header_size) &&
           (!trailer || EVP_CipherUpdate(keys->cipher, NULL, &made, trailer, TRAILER)) &&
           (!size || EVP_CipherUpdate(keys->cipher, out, &made, in, size));
}

static int seal(const Keys *keys, uint8_t *end, uint8_t *tag)
{
    int made;

    return EVP_CipherFinal_ex(keys->cipher, end, &made) &&
           EVP_CIPHER_CTX_ctrl(keys->cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, tag);
}

static int unseal(const Keys *keys, uint8_t *end, const uint8_t *tag)
{
    int made;

    return EVP_CIPHER_CTX_ctrl(keys->cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, (void *)tag) &&
           EVP_CipherFinal_ex(keys->cipher, end, &made);
}

/* Packets. */

typedef struct {
    const uint8_t *at;
    int size;
    Py_buffer view;
} Packet;

static int borrow(PyObject *object, Packet *packet)
{
    if (PyObject_GetBuffer(object, &packet->view, PyBUF_SIMPLE) < 0)
        return -1;
    packet->at = packet->view.buf;
    /* What is too long is as bad as what is too short. */
    packet->size = packet->view.len <= LONGEST ? (int)packet->view.len : 0;
    return 0;
}

/* Octets of an RTP header with contributing sources and extension; 0 where it does not fit. */
static int header_of(const uint8_t *packet, int size)
{
    int header = RTP_HEADER;

    if (size < header)
        return 0;
    header += 4 * (packet[0] & 0x0f);
    if (packet[0] & 0x10) {
        if (size < header + 4)
            return 0;
        header += 4 + 4 * (packet[header + 2] << 8 | packet[header + 3]);
    }
    return header <= size ? header : 0;
}

static PyObject *cannot(const char *why)
{
    PyErr_Format(PyExc_ValueError, "cannot encrypt: %s", why);
    return NULL;
}

static PyObject *protect_rtp(Context *self, const uint8_t *in, int size)
{
    const Keys *keys = &self->rtp;
    int header = header_of(in, size), body = size - header, done;
    uint8_t tag[SHA_DIGEST_LENGTH], over[4], *out;
    Source fresh, *source;
    PyObject *made;
    uint64_t index;
    uint32_t ssrc;

    if (!header)
        return cannot("no RTP packet, or too long");
    ssrc = get_32(in + 8);
    source = find(self, ssrc, &fresh);
    index = estimate(&source->rtp, in[2] << 8 | in[3]);
    if (!is_new(&source->rtp, index))
        return cannot("its number was used before");
    made = PyBytes_FromStringAndSize(NULL, size + self->tag);
    if (!made)
        return NULL;
    out = (uint8_t *)PyBytes_AS_STRING(made);
    memcpy(out, in, header);
    if (self->gcm) {
        done = run_gcm(keys, 1, ssrc, index, in, header, NULL, in + header, out + header, body) &&
               seal(keys, out + size, out + size);
    } else {
        put_32(over, index >> 16);
        done = cover(keys, ssrc, index, in + header, out + header, body) &&
               authenticate(keys, out, size, over, tag);
        memcpy(out + size, tag, self->tag);
    }
    if (!done) {
        Py_DECREF(made);
        return cannot("libcrypto failed");
    }
    note(&source->rtp, index);
    keep(self, source, &fresh);
    return made;
}

static PyObject *protect_rtcp(Context *self, const uint8_t *in, int size)
{
    const Keys *keys = &self->rtcp;
    int body = size - RTCP_HEADER, done;
    uint8_t tag[SHA_DIGEST_LENGTH], trailer[TRAILER], *out;
    Source fresh, *source;
    PyObject *made;
    uint64_t index;
    uint32_t ssrc;

    if (body < 0)
        return cannot("no RTCP packet, or too long");
    ssrc = get_32(in + 4);
    source = find(self, ssrc, &fresh);
    index = source->rtcp.highest + 1;
    if (index > LAST_RTCP_INDEX)
        return cannot("the key is used up");
    put_32(trailer, ENCRYPTED | (uint32_t)index);
    made = PyBytes_FromStringAndSize(NULL, size + TRAILER + (self->gcm ? GCM_TAG : RTCP_TAG));
    if (!made)
        return NULL;
    out = (uint8_t *)PyBytes_AS_STRING(made);
    memcpy(out, in, RTCP_HEADER);
    in += RTCP_HEADER;
    if (self->gcm) {
        done = run_gcm(keys, 1, ssrc, index, out, RTCP_HEADER, trailer, in, out + RTCP_HEADER,
                       body) &&
               seal(keys, out + size, out + size);
        memcpy(out + size + GCM_TAG, trailer, TRAILER);
    } else {
        memcpy(out + size, trailer, TRAILER);
        done = cover(keys, ssrc, index, in, out + RTCP_HEADER, body) &&
               authenticate(keys, out, size + TRAILER, NULL, tag);
        memcpy(out + size + TRAILER, tag, RTCP_TAG);
    }
    if (!done) {
        Py_DECREF(made);
        return cannot("libcrypto failed");
    }
    note(&source->rtcp, index);
    keep(self, source, &fresh);
    return made;
}

static PyObject *refused(int status)
{
    return PyLong_FromLong(status);
}

static PyObject *unprotect_rtp(Context *self, const uint8_t *in, int size)
{
    const Keys *keys = &self->rtp;
    int header, body, done;
    uint8_t tag[SHA_DIGEST_LENGTH], over[4], *out;
    Source fresh, *source;
    PyObject *made;
    uint64_t index;
    uint32_t ssrc;

    size -= self->tag;
    header = header_of(in, size);
    body = size - header;
    if (!header)
        return refused(UNAUTHENTIC);
    ssrc = get_32(in + 8);
    source = find(self, ssrc, &fresh);
    index = estimate(&source->rtp, in[2] << 8 | in[3]);
    if (!is_new(&source->rtp, index))
        return refused(REPLAYED);
    if (!self->gcm) {
        put_32(over, index >> 16);
        if (!authenticate(keys, in, size, over, tag) || CRYPTO_memcmp(tag, in + size, self->tag))
            return refused(UNAUTHENTIC);
    }
    made = PyBytes_FromStringAndSize(NULL, size);
    if (!made)
        return NULL;
    out = (uint8_t *)PyBytes_AS_STRING(made);
    memcpy(out, in, header);
    if (self->gcm)
        done = run_gcm(keys, 0, ssrc, index, in, header, NULL, in + header, out + header, body) &&
               unseal(keys, tag, in + size);
    else
        done = cover(keys, ssrc, index, in + header, out + header, body);
    if (!done) {
        Py_DECREF(made);
        return refused(UNAUTHENTIC);
    }
    note(&source->rtp, index);
    keep(self, source, &fresh);
    return made;
}

static PyObject *unprotect_rtcp(Context *self, const uint8_t *in, int size)
{
    const Keys *keys = &self->rtcp;
    int body = size - RTCP_HEADER - TRAILER - (self->gcm ? GCM_TAG : RTCP_TAG), done;
    uint8_t tag[SHA_DIGEST_LENGTH], *out;
    const uint8_t *trailer;
    Source fresh, *source;
    PyObject *made;
    uint64_t index;
    uint32_t ssrc;

    if (body < 0)
        return refused(UNAUTHENTIC);
    trailer = in + RTCP_HEADER + body + (self->gcm ? GCM_TAG : 0);
    index = get_32(trailer) & LAST_RTCP_INDEX;
    if (!(get_32(trailer) & ENCRYPTED))
        return refused(UNAUTHENTIC);
    ssrc = get_32(in + 4);
    source = find(self, ssrc, &fresh);
    if (!is_new(&source->rtcp, index))
        return refused(REPLAYED);
    if (!self->gcm)
        if (!authenticate(keys, in, RTCP_HEADER + body + TRAILER, NULL, tag) ||
            CRYPTO_memcmp(tag, trailer + TRAILER, RTCP_TAG))
            return refused(UNAUTHENTIC);
    made = PyBytes_FromStringAndSize(NULL, RTCP_HEADER + body);
    if (!made)
        return NULL;
    out = (uint8_t *)PyBytes_AS_STRING(made);
    memcpy(out, in, RTCP_HEADER);
    in += RTCP_HEADER;
    if (self->gcm)
        done = run_gcm(keys, 0, ssrc, index, out, RTCP_HEADER, trailer, in, out + RTCP_HEADER,
                       body) &&
               unseal(keys, tag, in + body);
    else
        done = cover(keys, ssrc, index, in, out + RTCP_HEADER, body);
    if (!done) {
        Py_DECREF(made);
        return refused(UNAUTHENTIC);
    }
    note(&source->rtcp, index);
    keep(self, source, &fresh);
    return made;
}

/* Keys of a session (section 4.3, without a derivation rate; RFC 7714 section 11). */

static int derive(EVP_CIPHER_CTX *master, const uint8_t salt[CM_SALT], int label, uint8_t *out,
                  int size)
{
    uint8_t start[BLOCK] = {0}, nothing[2 * BLOCK] = {0};

    memcpy(start, salt, CM_SALT);
    start[7] ^= label;
    return run_counter(master, start, nothing, out, size);
}

static int pad(SHA_CTX *hash, const uint8_t key[SHA_DIGEST_LENGTH], uint8_t with)
{
    uint8_t block[SHA_CBLOCK];

    memset(block, with, sizeof block);
    for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
        block[i] ^= key[i];
    return SHA1_Init(hash) && SHA1_Update(hash, block, sizeof block);
}

static int prepare(Keys *keys, EVP_CIPHER_CTX *master, const uint8_t salt[CM_SALT], int size,
                   int gcm, int label)
{
    const EVP_CIPHER *narrow = gcm ? EVP_aes_128_gcm() : EVP_aes_128_ecb();
    const EVP_CIPHER *wide = gcm ? EVP_aes_256_gcm() : EVP_aes_256_ecb();
    uint8_t key[2 * BLOCK], hashed[SHA_DIGEST_LENGTH];
    int done;

    keys->cipher = EVP_CIPHER_CTX_new();
    done = keys->cipher && derive(master, salt, label, key, size) &&
           derive(master, salt, label + 1, hashed, sizeof hashed) &&
           derive(master, salt, label + 2, keys->salt, CM_SALT) &&
           EVP_EncryptInit_ex(keys->cipher, size == BLOCK ? narrow : wide, NULL, key, NULL) &&
           pad(&keys->inner, hashed, 0x36) && pad(&keys->outer, hashed, 0x5c);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(hashed, sizeof hashed);
    return done;
}

static PyObject *context_new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"key", "salt", "tag", NULL};
    EVP_CIPHER_CTX *master;
    uint8_t salt[CM_SALT] = {0};
    const char *key, *given;
    Py_ssize_t key_size, salt_size;
    Context *self;
    int tag, done;

    if (!PyArg_ParseTupleAndKeywords(arguments, named, "y#y#i", names, &key, &key_size, &given,
                                     &salt_size, &tag))
        return NULL;
    if ((key_size != BLOCK && key_size != 2 * BLOCK) ||
        !(salt_size == CM_SALT ? tag == 4 || tag == 10 : salt_size == GCM_SALT && tag == GCM_TAG)) {
        PyErr_SetString(PyExc_ValueError, "no such key, salt and tag");
        return NULL;
    }
    self = (Context *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->tag = tag;
    self->gcm = tag == GCM_TAG;
    memcpy(salt, given, salt_size);
    master = EVP_CIPHER_CTX_new();
    done = master &&
           EVP_EncryptInit_ex(master, key_size == BLOCK ? EVP_aes_128_ecb() : EVP_aes_256_ecb(),
                              NULL, (const uint8_t *)key, NULL) &&
           prepare(&self->rtp, master, salt, (int)key_size, self->gcm, 0) &&
           prepare(&self->rtcp, master, salt, (int)key_size, self->gcm, 3);
    EVP_CIPHER_CTX_free(master);
    if (!done) {
        Py_DECREF(self);
        PyErr_SetString(PyExc_ValueError, "libcrypto cannot do this cipher");
        return NULL;
    }
    return (PyObject *)self;
}

static void context_dealloc(Context *self)
{
    EVP_CIPHER_CTX_free(self->rtp.cipher);
    EVP_CIPHER_CTX_free(self->rtcp.cipher);
    OPENSSL_cleanse(&self->rtp, sizeof self->rtp);
    OPENSSL_cleanse(&self->rtcp, sizeof self->rtcp);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

#define METHOD(name, work)                                                                        \
    static PyObject *name(Context *self, PyObject *object)                                         \
    {                                                                                              \
        Packet packet;                                                                             \
        PyObject *made;                                                                            \
                                                                                                   \
        if (borrow(object, &packet) < 0)                                                           \
            return NULL;                                                                           \
        made = work(self, packet.at, packet.size);                                                 \
        PyBuffer_Release(&packet.view);                                                            \
        return made;                                                                               \
    }

METHOD(context_protect, protect_rtp)
METHOD(context_protect_rtcp, protect_rtcp)
METHOD(context_unprotect, unprotect_rtp)
METHOD(context_unprotect_rtcp, unprotect_rtcp)

static PyMethodDef methods[] = {
    {"protect", (PyCFunction)context_protect, METH_O, NULL},
    {"protect_rtcp", (PyCFunction)context_protect_rtcp, METH_O, NULL},
    {"unprotect", (PyCFunction)context_unprotect, METH_O, NULL},
    {"unprotect_rtcp", (PyCFunction)context_unprotect_rtcp, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject context_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "rtp._srtp.Context",
    .tp_basicsize = sizeof(Context),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = context_new,
    .tp_dealloc = (destructor)context_dealloc,
    .tp_methods = methods,
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "rtp._srtp",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__srtp(void)
{
    PyObject *made = PyModule_Create(&module);

    if (made && PyModule_AddType(made, &context_type) < 0)
        Py_CLEAR(made);
    return made;
}
