#!/usr/bin/env python3
"""Somebody lays hands on the files of a real control, and a crowd on its places: it lives, says what it
found, forgets nothing, gives out no number twice, and the operator comes in by the Unix socket.
"""

import os
import re
import socket
import unittest

import case
import delivery
from appliance import MEMIF_PORT, Appliance
from process import wait_for


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


class HarmTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()

    def maintain(self, flatline, endpoint):
        code, text = flatline.flatline("maintain", endpoint, "--for", "1h")
        self.assertEqual(0, code, text)

    def assert_silenced(self, flatline, *endpoints):
        code, text = flatline.flatline("maintain")
        self.assertEqual(0, code, text)
        for endpoint in endpoints:
            self.assertIn(f"{endpoint}", text)

    def test_files_that_are_cut_short_cost_nothing(self):
        with Appliance([MEMIF_PORT]) as flatline:
            flatline.start_dataplane()
            control = flatline.start_control()
            journal = flatline.directory / "control" / "journal"
            self.maintain(flatline, 4711)
            for name in ("maintenance", "cursors"):
                os.truncate(journal / name, 0)
            self.maintain(flatline, 4712)
            flatline.subscribe(delivery.FROM, text="cursor=abc\n")
            control.wait_for_line("maintenance: needed .* made anew from memory, nothing is lost")
            control.wait_for_line("cursors: needed .* made anew from memory, nothing is lost")
            self.assert_silenced(flatline, 4711, 4712)
            control.kill()
            os.truncate(journal / "cursors", 100)
            control = flatline.start_control()
            control.wait_for_line("cursors: needed .* found 100")
            self.assert_silenced(flatline, 4711, 4712)

    def test_a_journal_that_is_removed_goes_on_with_its_numbers(self):
        with Appliance([MEMIF_PORT]) as flatline:
            flatline.start_dataplane()
            control = flatline.start_control()
            stream = flatline.subscribe(delivery.FROM)
            self.maintain(flatline, 4711)
            self.assertTrue(stream.until(lambda: stream.sequence >= 2, 10))
            for path in (flatline.directory / "control" / "journal").glob("*.journal"):
                path.unlink()
            self.maintain(flatline, 4712)
            control.wait_for_line("somebody has removed or replaced it")
            control.wait_for_line("is there again, with all its records")
            self.assertTrue(stream.until(lambda: stream.sequence >= 3, 10))
            control.kill()
            control = flatline.start_control()
            control.wait_for_line(r"journal .*: 1 to \d+")
            newest = int(re.search(r"journal .*: 1 to (\d+)", control.output).group(1))
            self.assertGreaterEqual(newest, stream.sequence)  # more: a blindness before the kill
            self.maintain(flatline, 4713)
            rest = flatline.subscribe(delivery.FROM, sequence=newest)
            self.assertTrue(rest.until(lambda: rest.sequence > newest, 10))

    def test_the_operator_comes_in_whoever_removes_the_socket_and_fills_the_places(self):
        port = free_port()
        with Appliance([MEMIF_PORT], control={"listen": [f"127.0.0.1:{port}"],
                                              "subscribers": 64}) as flatline:
            flatline.start_dataplane()
            control = flatline.start_control()
            (flatline.directory / "control.sock").unlink()
            control.wait_for_line("somebody has removed it; made anew")
            wait_for((flatline.directory / "control.sock").exists, 10, "the socket to be there")
            crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
            control.wait_for_line("connections: needed a place")
            self.maintain(flatline, 4711)
            self.assertIsNotNone(flatline.subscribe(delivery.NOW).hello)
            for one in crowd:
                one.close()


if __name__ == "__main__":
    case.run()
