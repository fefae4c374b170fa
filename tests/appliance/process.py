"""Real processes for the tests: started with their output in a file, waited for by condition, never
left behind. A process dies with the test that started it, however that ends (PR_SET_PDEATHSIG).
"""

import ctypes
import pathlib
import re
import signal
import subprocess
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def wait_for(condition, timeout, what):
    """The first true value of condition(), asked for every 10 ms; AssertionError after `timeout` s."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s for {what}")
        time.sleep(0.01)


class Process:
    """One program. `prefix` goes before its command line: nsenter, setpriv."""

    def __init__(self, name, command, directory, prefix=()):
        self.name = name
        self._log = pathlib.Path(directory, name + ".log")
        with self._log.open("ab") as log:
            log.write(f"$ {' '.join(map(str, command))}\n".encode())
            log.flush()
            self._from = log.tell()
            self._popen = subprocess.Popen([*prefix, *command], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self._popen.pid

    @property
    def output(self):
        """What this start of it has said so far."""
        return self._log.read_bytes()[self._from:].decode(errors="replace")

    @property
    def is_running(self):
        return self._popen.poll() is None

    def wait_for_line(self, pattern, timeout=30):
        def found():
            if re.search(pattern, self.output):
                return True
            if not self.is_running:
                raise AssertionError(f"{self.name} ended with {self._popen.returncode} before it "
                                     f"said {pattern!r}:\n{self.output}")
            return False
        wait_for(found, timeout, f"{self.name} to say {pattern!r}; it said:\n{self.output}")

    def wait(self, timeout):
        """Its exit status."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout} s:\n{self.output}") from None

    def send(self, number):
        self._popen.send_signal(number)

    def kill(self):
        """SIGKILL, and gone when this returns."""
        if self.is_running:
            self._popen.kill()
        self._popen.wait()

    def stop(self, timeout=15):
        """SIGTERM; its exit status, and an error if it has to be killed."""
        if self.is_running:
            self._popen.send_signal(signal.SIGCONT)
            self._popen.terminate()
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop in {timeout} s:\n{self.output}") from None
