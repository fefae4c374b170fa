#!/usr/bin/env python3
"""What hangs is seen and named: one worker of two, the dataplane as a whole, the control loop, a
publisher. By `flatline status`, by the log of the other process, and by the service manager, to
whom each says that it lives only while all of it moves. Nobody is accused for it, and who dies
meanwhile or after is told.
"""

import contextlib
import json
import os
import signal
import socket
import time
import unittest
from unittest import mock

import case
import delivery
from appliance import MEMIF_PORT, Appliance, write_scenario
from debugger import stopped, threads
from process import wait_for

FLEET = 2_000
WAITS = 1.5  # seconds for which this service manager waits


class ServiceManager:
    """The other end of NOTIFY_SOCKET: what was said, and when."""

    def __init__(self, flatline, name):
        self.path = flatline.directory / f"{name}.notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self.path))
        os.chmod(self.path, 0o777)
        flatline._open.callback(self._socket.close)
        self.said = []

    @contextlib.contextmanager
    def starts(self):
        with mock.patch.dict(os.environ, {"NOTIFY_SOCKET": str(self.path),
                                          "WATCHDOG_USEC": str(int(WAITS * 1e6))}):
            yield self

    def hear(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.said.append(self._socket.recv(4096).decode())
        return self.said

    def fed_within(self, seconds):
        """Whether the watchdog was fed from now on."""
        self.hear()
        self.said.clear()
        with contextlib.suppress(AssertionError):
            wait_for(lambda: "WATCHDOG=1" in self.hear(), seconds, "the watchdog to be fed")
            return True
        return False


class WatchdogTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    @contextlib.contextmanager
    def appliance(self, **dataplane):
        with Appliance([MEMIF_PORT], {"workers": 2, **dataplane}) as flatline:
            self.managers = [ServiceManager(flatline, name) for name in ("dataplane", "control")]
            with self.managers[0].starts():
                self.dataplane = flatline.start_dataplane()
            with self.managers[1].starts():
                self.control = flatline.start_control()
            for manager in self.managers:
                wait_for(lambda own=manager: "READY=1" in own.hear(), 10, "READY=1")
                self.assertTrue(manager.fed_within(WAITS))
            yield flatline

    def status(self, flatline):
        code, said = flatline.flatline("--json", "status")
        return code, json.loads(said)

    def assert_hungry_until_it_moves(self, manager, seconds):
        manager.fed_within(WAITS / 2)  # what was said before it was seen
        self.assertFalse(manager.fed_within(seconds))

    def test_one_worker_of_two_is_named(self):
        with self.appliance() as flatline:
            story = write_scenario(flatline, FLEET, "database", 24,
                                   'kind = "die"\nat = "16s"\ncount = 5')
            generator = flatline.start_generator("--scenario", story, "--judge", flatline.socket)
            stream = flatline.subscribe(delivery.FROM)
            stream.until(lambda: len(stream.told(delivery.ALIVE)) == FLEET, 15)
            for worker in (1, 0):
                thread = self.status(flatline)[1]["workers"][worker]["thread"]
                self.assertIn(thread, threads(self.dataplane.pid))
                with stopped(thread):
                    named = rf"worker {worker} hangs: thread {thread}, not pinned, in one turn for 1"
                    self.dataplane.wait_for_line(named, 10)
                    self.control.wait_for_line(rf"dataplane, pid {self.dataplane.pid}: {named}", 10)
                    code, seen = self.status(flatline)
                    self.assertEqual((1, "hung"), (code, seen["dataplane"]))
                    self.assertEqual([own == worker for own in (0, 1)],
                                     [own["hangs"] for own in seen["workers"]])
                    text = flatline.flatline("status")[1]
                    self.assertIn(f" worker {worker} (thread {thread}) for ", text)
                    wait_for(lambda own=worker: any(
                        line.startswith(f"STATUS=worker {own} hangs")
                        for line in self.managers[0].hear()), 5, "the manager to be told")
                    self.assert_hungry_until_it_moves(self.managers[0], WAITS)
                    self.assertTrue(self.managers[1].fed_within(WAITS), "control moves")
                self.dataplane.wait_for_line(f"worker {worker} moves again", 10)
                self.control.wait_for_line(f"worker {worker} moves again", 10)
                self.assertTrue(self.managers[0].fed_within(WAITS))
                wait_for(lambda: self.status(flatline)[0] == 0, 10, "status 0")
            self.assertEqual(0, generator.wait(60), generator.output)
            stream.until(lambda: len(stream.told(delivery.DEAD)) == 5, 10)
            self.assertEqual([5, 5], [len(stream.told(own))
                                      for own in (delivery.SUSPECT, delivery.DEAD)])

    def test_a_whole_dataplane_that_stands_still_and_one_that_is_killed(self):
        with self.appliance() as flatline:
            self.dataplane.send(signal.SIGSTOP)
            for worker in (0, 1):
                self.control.wait_for_line(rf"worker {worker} hangs: thread \d+", 10)
            self.assertEqual((1, "hung"), (self.status(flatline)[0],
                                           self.status(flatline)[1]["dataplane"]))
            self.assert_hungry_until_it_moves(self.managers[0], WAITS)
            self.dataplane.send(signal.SIGCONT)
            self.control.wait_for_line("worker 0 moves again", 10)
            self.assertNotIn("hangs", self.dataplane.output, "who was stopped too accuses nobody")
            self.dataplane.kill()
            self.control.wait_for_line(f"pid {self.dataplane.pid}, is gone", 10)
            self.assertEqual("gone", self.status(flatline)[1]["dataplane"])

    def test_a_control_that_stands_still_and_one_that_is_gone(self):
        with self.appliance() as flatline:
            self.control.send(signal.SIGSTOP)
            self.dataplane.wait_for_line(f"control, pid {self.control.pid}, hangs", 10)
            code, seen = self.status(flatline)
            self.assertEqual((1, True), (code, seen["control"]["hangs"]))
            self.assertIn("control    HUNG for", flatline.flatline("status")[1])
            self.assert_hungry_until_it_moves(self.managers[1], WAITS)
            self.control.send(signal.SIGCONT)
            self.dataplane.wait_for_line(f"control, pid {self.control.pid}, moves again", 10)
            wait_for(lambda: self.status(flatline)[0] == 0, 10, "status 0")
            self.control.kill()
            self.dataplane.wait_for_line(f"control, pid {self.control.pid}, is gone", 10)
            control = flatline.start_control()
            self.assertEqual(0, control.stop())
            time.sleep(1.5)
            for fault in ("hangs", "is gone"):
                self.assertNotIn(f"control, pid {control.pid}, {fault}", self.dataplane.output,
                                 "one that ended on purpose is no news")

    def test_a_publisher_that_stands_still(self):
        with self.appliance() as flatline:
            thread = next(own for own, name in threads(self.control.pid).items()
                          if name == "publisher")
            with stopped(thread):
                self.control.wait_for_line("publisher 0 hangs", 10)
                self.assert_hungry_until_it_moves(self.managers[1], WAITS)
                self.assertEqual(0, self.status(flatline)[0], "verdicts are journaled")
            self.control.wait_for_line("publisher 0 moves again", 10)
            self.assertTrue(self.managers[1].fed_within(WAITS))

    def test_both_say_that_they_end(self):
        with self.appliance():
            for process, manager in zip((self.dataplane, self.control), self.managers):
                self.assertEqual(0, process.stop())
                self.assertIn("STOPPING=1", manager.hear())


if __name__ == "__main__":
    case.run()
