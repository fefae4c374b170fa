"""One thread of another process, stopped while the others run on: what SIGSTOP cannot do."""

import contextlib
import ctypes
import os
import pathlib
import unittest

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_WALL = 0x40000000


def _ptrace(request, thread):
    if _LIBC.ptrace(request, thread, None, None) != 0:
        raise unittest.SkipTest(f"needs ptrace: {os.strerror(ctypes.get_errno())}")


@contextlib.contextmanager
def stopped(thread):
    """That thread stands still within; then it goes on where it was. It goes on too if we die."""
    _ptrace(_SEIZE, thread)
    _ptrace(_INTERRUPT, thread)
    os.waitpid(thread, _WALL)
    try:
        yield
    finally:
        _LIBC.ptrace(_DETACH, thread, None, None)


def threads(pid):
    """{thread id: its name}."""
    return {int(task.name): (task / "comm").read_text(encoding="ascii").strip()
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir()}
