#!/usr/bin/env python3
"""What an agent says of itself, over a kernel socket, is what `flatline get` tells: also after the
dataplane was killed, and of an endpoint that is dead. Another heartbeat, of our own making, with a
clock years off and a text that would clear the screen, is odd and harmless.
"""

import json
import socket
import unittest

import case
import delivery
from appliance import PROGRAMS, Appliance
from heartbeat import HEARTBEAT, LEADER_ELECTION, PORT, heartbeat, with_elements
from process import wait_for

OURS = "10.7.0.1"
LOAD, MEMORY, TEXT = 2, 3, 4
AGENT, STRANGER = 77, 78


class VoiceTest(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = case.linked(self, "10.7.0.2/24", "fd00:7::2/64")

    def row(self, flatline, endpoint):
        code, text = flatline.flatline("--json", "get", str(endpoint))
        return json.loads(text) if code == 0 else {}

    def said(self, flatline, endpoint):
        return self.row(flatline, endpoint).get("said") or {}

    def agent(self, flatline, *says):
        return flatline.start("agent", [
            PROGRAMS["flatline"], "agent", "--to", f"{OURS}:{PORT}", "--id", str(AGENT),
            "--interval", "100ms", "--profile", "leader-election", *says], self.theirs.prefix)

    def test_what_an_agent_says_is_told_by_get(self):
        port = {"device": "net_af_packet0,iface=veth0", "addresses": [OURS]}
        with Appliance([port], namespace=self.ours) as flatline:
            dataplane = flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe()
            agent = self.agent(flatline, "--load", "1.25", "--memory", "0.875", "--health", "ready",
                               "--text", "disk nearly full")
            wait_for(lambda: self.said(flatline, AGENT).get("text") == "disk nearly full", 10,
                     "the text")
            said = self.said(flatline, AGENT)
            self.assertEqual((1.25, 0.875), (said["load"], said["memory"]))
            self.assertLess(abs(said["clock_ahead_ns"]), 1e9, "the same machine's clock")
            self.assertGreaterEqual(said["delay_ns"], 0)
            self.assertEqual([], self.row(flatline, AGENT)["odd"])

            dataplane.kill()
            flatline.start_dataplane()
            self.assertEqual("disk nearly full", self.said(flatline, AGENT)["text"], "adopted")
            agent.kill()
            stream.until(lambda: stream.told(delivery.DEAD)[AGENT], 10)
            self.assertEqual("disk nearly full", self.said(flatline, AGENT)["text"], "last words")

            agent = self.agent(flatline, "--health", "failing", "--text", "")
            wait_for(lambda: self.said(flatline, AGENT).get("text") == "", 10, "the next life's")
            self.assertIsNone(self.said(flatline, AGENT)["load"])
            self.assertEqual("failing", self.row(flatline, AGENT)["health"])
            self.hear_a_stranger(flatline)

    def hear_a_stranger(self, flatline):
        ours = heartbeat(STRANGER, 1, profile=LEADER_ELECTION, kind=HEARTBEAT, sent_ns=1)
        with self.theirs.socket(socket.AF_INET) as sender:
            sender.sendto(with_elements(ours, (TEXT, b"\x1b[2J\xc2\x9b\xff")), (OURS, PORT))
            wait_for(lambda: self.said(flatline, STRANGER), 10, "the stranger")
            sender.sendto(with_elements(ours, (LOAD, b"\0\0\1")), (OURS, PORT))
        self.assertEqual(["clock"], self.row(flatline, STRANGER)["odd"])
        code, text = flatline.flatline("get", str(STRANGER))
        self.assertEqual(0, code, text)
        self.assertIn('"?[2J??"', text)
        code, text = flatline.flatline("status", "--odd")
        self.assertEqual(0, code, text)
        self.assertIn("1 of 2 with a clock far off", text)

        def dropped():
            return json.loads(flatline.flatline("--json", "status")[1])["drops"]["bad-payload"]
        wait_for(lambda: dropped() == 1, 10, "a load of three bytes")


if __name__ == "__main__":
    case.run()
