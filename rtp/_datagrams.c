/* Datagrams of one UDP socket, and who sent them: the compiled twin of rtp/pydatagrams.py.
 *
 * A stream's peer hardly ever changes, so its address is turned into a Python one, and back, once.
 * A datagram is read into a bytes object of its own size. The lock of the interpreter is kept: the
 * socket is non-blocking, and giving the lock away and back costs a quarter of what the system call
 * does.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { LONGEST = 2048 }; /* octets; what is longer is cut off */

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} Place;

typedef struct {
    Place place;
    socklen_t size;
    PyObject *address; /* the same, as Python has it; NULL before the first */
} Peer;

typedef struct {
    PyObject_HEAD
    PyObject *socket; /* held, so that the descriptor stays its own */
    int descriptor;
    int family;
    Peer source, target;
} Datagrams;

/* An address as the module socket has it: a new reference. */
static PyObject *address_of(const Place *place)
{
    char host[INET6_ADDRSTRLEN];

    if (place->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &place->v4.sin_addr, host, sizeof host);
        return Py_BuildValue("si", host, ntohs(place->v4.sin_port));
    }
    inet_ntop(AF_INET6, &place->v6.sin6_addr, host, sizeof host);
    return Py_BuildValue("siII", host, ntohs(place->v6.sin6_port),
                         ntohl(place->v6.sin6_flowinfo), place->v6.sin6_scope_id);
}

/* Fill in where an address is. 0, or -1 with an exception. */
static int place_of(PyObject *address, int family, Place *place, socklen_t *size)
{
    const char *host;
    int port;
    unsigned int flow = 0, scope = 0;
    void *binary;

    if (!PyArg_ParseTuple(address, "si|II", &host, &port, &flow, &scope))
        return -1;
    if (port < 0 || port > 65535) {
        PyErr_SetString(PyExc_OSError, "no such port");
        return -1;
    }
    memset(place, 0, sizeof *place);
    if (family == AF_INET) {
        place->v4.sin_family = AF_INET;
        place->v4.sin_port = htons((uint16_t)port);
        binary = &place->v4.sin_addr;
        *size = sizeof place->v4;
    } else {
        place->v6.sin6_family = AF_INET6;
        place->v6.sin6_port = htons((uint16_t)port);
        place->v6.sin6_flowinfo = htonl(flow);
        place->v6.sin6_scope_id = scope;
        binary = &place->v6.sin6_addr;
        *size = sizeof place->v6;
    }
    if (inet_pton(family, host, binary) != 1) {
        PyErr_SetString(PyExc_OSError, "not a numeric address of this family");
        return -1;
    }
    return 0;
}

static PyObject *datagrams_receive(Datagrams *self, PyObject *unused)
{
    Place place;
    socklen_t size = sizeof place;
    char data[LONGEST];
    Peer *source = &self->source;
    PyObject *made, *payload;
    ssize_t came;

    (void)unused;
    came = recvfrom(self->descriptor, data, sizeof data, MSG_DONTWAIT, &place.any, &size);
    if (came < 0 || size > sizeof place)
        Py_RETURN_NONE;
    if (!source->address || size != source->size || memcmp(&place, &source->place, size)) {
        PyObject *address = address_of(&place);

        if (!address)
            return NULL;
        source->place = place;
        source->size = size;
        Py_XSETREF(source->address, address);
    }
    payload = PyBytes_FromStringAndSize(data, came);
    if (!payload)
        return NULL;
    made = PyTuple_New(2);
    if (!made) {
        Py_DECREF(payload);
        return NULL;
    }
    Py_INCREF(source->address);
    PyTuple_SET_ITEM(made, 0, payload);
    PyTuple_SET_ITEM(made, 1, source->address);
    return made;
}

static PyObject *datagrams_send(Datagrams *self, PyObject *const *given, Py_ssize_t count)
{
    Peer *target = &self->target;
    char *data;
    Py_ssize_t size;

    if (count != 2 || !PyTuple_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "send takes a datagram and an address");
        return NULL;
    }
    if (PyBytes_AsStringAndSize(given[0], &data, &size) < 0)
        return NULL;
    if (given[1] != target->address) {
        Place place;
        socklen_t length;

        if (place_of(given[1], self->family, &place, &length) < 0)
            return NULL;
        target->place = place;
        target->size = length;
        Py_INCREF(given[1]);
        Py_XSETREF(target->address, given[1]);
    }
    if (sendto(self->descriptor, data, size, MSG_DONTWAIT, &target->place.any, target->size) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static PyObject *datagrams_new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"socket", NULL};
    PyObject *socket, *family;
    Datagrams *self;

    if (!PyArg_ParseTupleAndKeywords(arguments, named, "O", names, &socket))
        return NULL;
    self = (Datagrams *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    Py_INCREF(socket);
    self->socket = socket;
    self->descriptor = PyObject_AsFileDescriptor(socket);
    family = PyObject_GetAttrString(socket, "family");
    self->family = family ? (int)PyLong_AsLong(family) : -1;
    Py_XDECREF(family);
    if (!PyErr_Occurred() && self->family != AF_INET && self->family != AF_INET6)
        PyErr_SetString(PyExc_ValueError, "neither IPv4 nor IPv6");
    if (PyErr_Occurred())
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void datagrams_dealloc(Datagrams *self)
{
    Py_XDECREF(self->socket);
    Py_XDECREF(self->source.address);
    Py_XDECREF(self->target.address);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"receive", (PyCFunction)datagrams_receive, METH_NOARGS, NULL},
    {"send", (PyCFunction)(void (*)(void))datagrams_send, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject datagrams_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "rtp._datagrams.Datagrams",
    .tp_basicsize = sizeof(Datagrams),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = datagrams_new,
    .tp_dealloc = (destructor)datagrams_dealloc,
    .tp_methods = methods,
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "rtp._datagrams",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__datagrams(void)
{
    PyObject *made = PyModule_Create(&module);

    if (made && PyModule_AddType(made, &datagrams_type) < 0)
        Py_CLEAR(made);
    return made;
}
