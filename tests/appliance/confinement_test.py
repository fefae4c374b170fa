#!/usr/bin/env python3
"""Both processes after start: no thread has a capability, all are filtered, and a forbidden call is
refused in the real process: a debugger makes it execute one, and it ends by SIGSYS and names it.
With confine = false nothing of that holds, and status says so.
"""

import ctypes
import os
import pathlib
import platform
import signal
import unittest

import case
from appliance import Appliance
from process import wait_for

PORT = {"device": "net_null0"}
EXECVE, PTRACE = 59, 101
ATTACH, DETACH, GETREGS, SETREGS = 16, 17, 12, 13
RAX, ORIG_RAX, RIP = 10, 15, 16  # in user_regs_struct

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, pid, data=None):
    if _LIBC.ptrace(request, pid, None, data) != 0:
        raise unittest.SkipTest(f"needs ptrace: {os.strerror(ctypes.get_errno())}")


def make_call(pid, number):
    """The main thread, which waits in a system call, makes another one as soon as it goes on."""
    ptrace(ATTACH, pid)
    os.waitpid(pid, 0)
    registers = (ctypes.c_ulong * 27)()
    ptrace(GETREGS, pid, ctypes.byref(registers))
    registers[RIP] -= 2  # back on the instruction that made the call it waits in
    registers[RAX] = number
    registers[ORIG_RAX] = ctypes.c_ulong(-1).value  # and that one is not begun anew
    ptrace(SETREGS, pid, ctypes.byref(registers))
    ptrace(DETACH, pid)


def of_threads(pid, key):
    """The values of `key` over all threads."""
    out = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text(encoding="ascii").splitlines()
        out.update(line.split()[1] for line in lines if line.startswith(key + ":"))
    return out


class ConfinementTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def run_both(self, flatline):
        processes = [flatline.start_dataplane(), flatline.start_control()]
        for process in processes:  # control joins before it serves
            wait_for(lambda own=process: own.is_running and of_threads(own.pid, "Seccomp"), 10,
                     "a process")
        return processes

    def test_nothing_is_left_that_is_not_needed(self):
        with Appliance([PORT]) as flatline:
            for process in self.run_both(flatline):
                wait_for(lambda own=process: of_threads(own.pid, "Seccomp") == {"2"}, 10,
                         f"{process.name} to be filtered")
                self.assertEqual({"1"}, of_threads(process.pid, "NoNewPrivs"), process.name)
                for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                    self.assertEqual({"0" * 16}, of_threads(process.pid, kind), process.name)
            status, said = flatline.flatline("status")
            self.assertEqual(0, status)
            self.assertNotIn("NOT CONFINED", said)

    @unittest.skipUnless(platform.machine() == "x86_64", "knows the registers of x86-64 alone")
    def test_a_forbidden_call_is_refused_and_named(self):
        for number, name in ((EXECVE, "execve"), (PTRACE, "ptrace")):
            with Appliance([PORT]) as flatline:
                for process in self.run_both(flatline):
                    wait_for(lambda own=process: of_threads(own.pid, "Seccomp") == {"2"}, 10,
                             f"{process.name} to be filtered")
                    make_call(process.pid, number)
                    self.assertEqual(-signal.SIGSYS, process.wait(10), process.output)
                    self.assertIn(f"system call {number} ({name}) is not among those",
                                  process.output)

    def test_can_be_turned_off_and_status_says_so(self):
        with Appliance([PORT]) as flatline:
            flatline.settings["top"]["confine"] = False
            flatline.write_config()
            for process in self.run_both(flatline):
                self.assertIn("not confined", process.output)
                self.assertEqual({"0"}, of_threads(process.pid, "Seccomp"))
            status, said = flatline.flatline("status")
            self.assertEqual(0, status)
            self.assertIn("NOT CONFINED: dataplane and control", said)


if __name__ == "__main__":
    case.run()
