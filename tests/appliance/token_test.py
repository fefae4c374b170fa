#!/usr/bin/env python3
"""Tokens over TCP, with a real control and its command line: who is let in, what a restricted one
hears, and who is sent away when SIGHUP has the file read anew.
"""

import os
import re
import signal
import socket
import unittest

import case
import delivery
from appliance import MEMIF_PORT, NOBODY, Appliance, write_scenario

ENDPOINTS = 2_000


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class TokenTest(unittest.TestCase):
    def make(self, *arguments):
        """A new token, in a file that control can read."""
        status, output = self.flatline.flatline("token", "new", *arguments)
        self.assertEqual(0, status, output)
        os.chown(self.file, NOBODY.pw_uid, NOBODY.pw_gid)
        return re.search(r"^flt_\S+$", output, re.MULTILINE).group()

    def reload(self, line):
        self.control.send(signal.SIGHUP)
        self.control.wait_for_line(line)

    def subscribe(self, token, **more):
        text = f"token={token}\n" if token else ""
        return self.flatline.subscribe(more.pop("start", delivery.FROM), address=self.tcp, text=text,
                                       **more)

    def assert_sent_away(self, subscriber, error):
        subscriber.until(lambda: subscriber.closed, 10)
        self.assertEqual([error], [record.reason for record in subscriber.errors])

    def test_tokens(self):
        case.needs_root()
        self.tcp = f"127.0.0.1:{free_port()}"
        control = {"listen": [self.tcp], "tokens": "{dir}/control/tokens"}
        with Appliance([MEMIF_PORT], {"endpoints": 2 * ENDPOINTS}, control) as self.flatline:
            self.file = self.flatline.directory / "control" / "tokens"
            wide, leaving = self.make("wide", "--admin"), self.make("leaving")
            self.flatline.start_dataplane()
            self.control = self.flatline.start_control()
            for token in (None, "flt_wrong", wide + "x"):
                self.assert_sent_away(self.subscribe(token), delivery.BAD_TOKEN)
            local = self.flatline.subscribe(delivery.FROM)
            everything, short = self.subscribe(wide), self.subscribe(leaving)
            generator = self.flatline.start_generator("--scenario", write_scenario(
                self.flatline, ENDPOINTS, "leader-election", 6,
                f'kind = "die"\nat = "3s"\nover = "1s"\ncount = {ENDPOINTS}'))
            self.assertTrue(local.until(
                lambda: len(local.told(delivery.ALIVE)) == ENDPOINTS, 20))
            ids = sorted(local.told(delivery.ALIVE))
            half = ids[ENDPOINTS // 2]
            narrow = self.make("narrow", "--filter", f"id:1-{half}")
            self.reload(r"tokens: 3 tokens")
            restricted = self.subscribe(narrow)
            sly = self.subscribe(narrow, start=delivery.SNAPSHOT)
            for subscriber in (local, everything, short):
                subscriber.until(lambda s=subscriber: len(s.told(delivery.DEAD)) == ENDPOINTS, 20)
                self.assertEqual(ENDPOINTS, len(subscriber.told(delivery.DEAD)))
            may_see = {endpoint for endpoint in ids if endpoint <= half}
            for subscriber in (restricted, sly):
                subscriber.until(
                    lambda s=subscriber: len(s.told(delivery.DEAD)) >= len(may_see), 20)
                self.assertEqual(may_see, set(subscriber.told(delivery.DEAD)))
            self.assertEqual(may_see, {row.endpoint for row in sly.kinds(delivery.SNAPSHOT_ROW)})
            generator.wait(20)
            self.revoke_and_spoil(short, restricted, everything, leaving)
            self.administer_from_afar(wide, narrow)
            self.assertTrue(self.control.is_running)

    def revoke_and_spoil(self, revoked, restricted, everything, leaving):
        status, output = self.flatline.flatline("token", "revoke", "leaving")
        self.assertEqual(0, status, output)
        self.assertIn("flatline-control was told", output)  # by the verb itself
        self.control.wait_for_line(r"(?s)tokens: 3 tokens.*tokens: 2 tokens")
        self.assert_sent_away(revoked, delivery.BAD_TOKEN)
        self.assert_sent_away(self.subscribe(leaving), delivery.BAD_TOKEN)
        good = self.file.read_bytes()
        self.file.write_bytes(good + b"\nnobody nothing *\n")
        self.reload(r"tokens: line 5: a hash has 64 hexadecimal digits; the tokens before stay")
        self.assertFalse(everything.until(lambda: everything.closed, 1))
        self.assertFalse(restricted.until(lambda: restricted.closed, 1))
        self.file.write_bytes(good)

    def administer_from_afar(self, wide, narrow):
        """The dataplane lives, and takes an endpoint from whose token says so alone."""
        there = ("--address", self.tcp, "--token")
        status, output = self.flatline.flatline("enrol", "4000000001", *there, wide)
        self.assertEqual(0, status, output)
        self.assertIn("1 done", output)
        status, output = self.flatline.flatline("enrol", "4000000002", *there, narrow)
        self.assertEqual(1, status, output)
        self.assertIn("this token may not administer", output)


if __name__ == "__main__":
    case.run()
