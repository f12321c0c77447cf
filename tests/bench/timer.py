"""A kernel timer on an absolute schedule, to wait for in the same epoll as the sockets.

epoll and uvloop count in milliseconds; a load generator that is to judge others needs better.
"""

import ctypes
import os
import time

__all__ = ["Timer"]

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK = os.O_NONBLOCK
_TFD_TIMER_ABSTIME = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """Beats every `period_s` from `start` on, by time.monotonic() (timerfd_create(2))."""

    def __init__(self, period_s: float) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.period_s = period_s
        self.start = time.monotonic() + period_s
        self._beats = 0
        self._descriptor: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        spec = _Itimerspec(_timespec(period_s), _timespec(self.start))
        if self._libc.timerfd_settime(
            self._descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None
        ):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._descriptor

    def due(self) -> range:
        """The beats since the last call, counted from 0; beat n is due at `start` + n periods."""
        try:
            passed = int.from_bytes(os.read(self._descriptor, 8), "little")
        except BlockingIOError:
            passed = 0
        beats = range(self._beats, self._beats + passed)
        self._beats += passed
        return beats

    def close(self) -> None:
        """Stop."""
        os.close(self._descriptor)


def _timespec(seconds: float) -> _Timespec:
    return _Timespec(int(seconds), int(seconds % 1 * 1e9))
