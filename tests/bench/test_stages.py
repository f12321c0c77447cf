"""Samples of perf, sorted by the stage they were taken in."""

from tests.bench.stages import Frame, samples, stage, stages

SCRIPT = """\
python 4711 12.5: 500500 cpu-clock:
\tffffffff81b1 __udp4_lib_rcv+0x1f0 ([kernel.kallsyms])
\tffffffff81c2 handle_softirqs+0xd0 ([kernel.kallsyms])
\tffffffff81d3 udp_sendmsg+0x3 ([kernel.kallsyms])
\t7f00deadbeef __libc_sendto+0x1a (/usr/lib/x86_64-linux-gnu/libc.so.6)

python 4711 12.6: 500500 cpu-clock:
\t7f00deadbeef [unknown] (/usr/lib/x86_64-linux-gnu/libcrypto.so.3)

python 4711 12.7: 500500 cpu-clock:
\t7f00deadbeef CPyDef_wire___Wire___read+0x2 (/there/0a__mypyc.cpython-311.so)
"""

KERNEL = "[kernel.kallsyms]"
PYTHON = "/usr/lib/libpython3.11.so.1.0"


def one(function: str, file: str, *callers: str) -> str:
    return stage([Frame(function, file), *(Frame(each, file) for each in callers)])


def test_a_script_of_perf_is_read_stack_by_stack() -> None:
    found = list(samples(SCRIPT.splitlines()))
    assert [len(each) for each in found] == [4, 1, 1]
    assert found[0][0] == Frame("__udp4_lib_rcv", KERNEL)
    assert found[1][0] == Frame("[unknown]", "/usr/lib/x86_64-linux-gnu/libcrypto.so.3")


def test_every_sample_counts_once() -> None:
    assert stages(samples(SCRIPT.splitlines())) == {
        "kernel: receivers' part of what is sent": 1,
        "TLS": 1,
        "the packets' path, compiled": 1,
    }


def test_the_kernels_work_is_told_apart_by_the_system_call() -> None:
    assert one("skb_copy", KERNEL, "udp_recvmsg", "__x64_sys_recvfrom") == "kernel: UDP in"
    assert one("tcp_ack", KERNEL, "tcp_sendmsg", "__x64_sys_sendto") == "kernel: TCP out"
    assert one("schedule", KERNEL, "__x64_sys_clock_nanosleep") == "kernel: resting and waking"
    assert one("exc_page_fault", KERNEL) == "kernel: all else"


def test_what_python_does_is_told_apart_by_the_function() -> None:
    assert one("_PyEval_EvalFrameDefault", PYTHON) == "Python interpreted"
    assert one("PyBytes_FromStringAndSize", PYTHON) == "objects made and freed"
    assert one("_int_free", "/usr/lib/libc.so.6") == "objects made and freed"
    assert one("__memmove_avx512_unaligned_erms", "/usr/lib/libc.so.6") == "copying"
    assert one("_Py_dict_lookup", PYTHON) == "Python calls and attributes"
