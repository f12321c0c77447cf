/* Python's small objects on huge pages: what many calls touch each millisecond fits the processor's
 * table of pages.
 *
 * Python takes memory for small objects in arenas of 1 MiB. These are cut from regions that the kernel
 * is asked to back with pages of 2 MiB (madvise(2); it may have none), two to a page. One that is given
 * back returns its memory and is used again. The interpreter's lock is held in all of it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <sys/mman.h>

#define ARENA ((size_t)1 << 20)
#define PAGE ((size_t)2 << 20)
#define REGION ((size_t)64 << 20) /* of addresses: memory comes as it is used */
enum { KEPT = 4096 };             /* arenas at most that wait to be used again */

static char *next, *end;
static void *kept[KEPT];
static size_t keeping;
static PyObjectArenaAllocator former; /* of arenas from before, and of other sizes */

static int reserve(void)
{
    char *made = mmap(NULL, REGION + PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (made == MAP_FAILED)
        return -1;
    next = (char *)(((uintptr_t)made + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    end = next + REGION;
    madvise(next, REGION, MADV_HUGEPAGE); /* refused, all is as with small pages */
    return 0;
}

static void *take(void *context, size_t size)
{
    char *made;

    (void)context;
    if (size != ARENA)
        return former.alloc(former.ctx, size);
    if (keeping)
        return kept[--keeping];
    if (next == end && reserve() < 0)
        return NULL;
    made = next;
    next += size;
    return made;
}

static void give_back(void *context, void *arena, size_t size)
{
    (void)context;
    if (size != ARENA || keeping == KEPT) {
        former.free(former.ctx, arena, size); /* by munmap(2), as all were mapped */
        return;
    }
    madvise(arena, size, MADV_DONTNEED);
    kept[keeping++] = arena;
}

static PyObject *use(PyObject *module, PyObject *unused)
{
    PyObjectArenaAllocator ours = {NULL, take, give_back};

    (void)module;
    (void)unused;
    if (!former.alloc) {
        PyObject_GetArenaAllocator(&former);
        PyObject_SetArenaAllocator(&ours);
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"use", use, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "bridge._arenas",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__arenas(void)
{
    return PyModule_Create(&module);
}
