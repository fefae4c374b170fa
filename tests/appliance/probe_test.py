#!/usr/bin/env python3
"""Endpoints that are asked, over veth: one that stops its heartbeats and answers ping by its kernel is
kept alive by `echo`, over IPv4 and IPv6, and dies when its interface goes down; one that is only
enrolled, with an address, is found by ARP or neighbour discovery and pulled; an agent answers probes.
"""

import json
import socket
import unittest

import case
import delivery
from appliance import PROGRAMS, Appliance
from heartbeat import PORT, heartbeat
from process import wait_for

OURS = {socket.AF_INET: "10.7.0.1", socket.AF_INET6: "fd00:7::1"}
THEIRS = {socket.AF_INET: "10.7.0.2", socket.AF_INET6: "fd00:7::2"}
ECHO, PULLED, NATIVE = 16, 17, 18
PROFILES = "".join(f"""
[[profile]]
id = {number}
name = "{name}"
interval = "100ms"
confirmation = "300ms"
{more}
""" for number, name, more in ((ECHO, "backed", 'probe = "echo"'),
                               (PULLED, "pinged", 'probe = "echo"\npull = true'),
                               (NATIVE, "asked", 'probe = "native"\npull = true')))


class ProbeTest(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = case.linked(
            self, f"{THEIRS[socket.AF_INET]}/24", f"{THEIRS[socket.AF_INET6]}/64")

    def appliance(self):
        port = {"device": "net_af_packet0,iface=veth0", "addresses": list(OURS.values())}
        flatline = Appliance([port], namespace=self.ours)
        self.addCleanup(flatline.__exit__, None, None, None)
        with flatline.config.open("a") as config:
            config.write(PROFILES)
        flatline.start_dataplane()
        flatline.start_control()
        return flatline

    @staticmethod
    def get(flatline, endpoint):
        status, output = flatline.flatline("get", endpoint, "--json")
        return json.loads(output.splitlines()[-1]) if status == 0 else {}

    def counter(self, flatline, name):
        _, output = flatline.flatline("status", "--json")
        return json.loads(output.splitlines()[-1])["counters"][name]

    def test_echo_keeps_alive_who_no_longer_beats_and_dies_with_its_interface(self):
        flatline = self.appliance()
        stream = flatline.subscribe(delivery.NOW)
        for number, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            with self.theirs.socket(family) as sender:
                sender.sendto(heartbeat(number, 1, profile=ECHO, flags=0), (OURS[family], PORT))
        # five times suspect, and each time it answers
        stream.until(lambda: min(stream.told(delivery.ALIVE)[n] for n in (4, 6)) >= 5, 20)
        for number in (4, 6):
            self.assertEqual(0, stream.told(delivery.DEAD)[number])
            self.assertGreater(self.get(flatline, number)["round_trip_ns"], 0)
        reasons = {record.reason for record in stream.records if record.endpoint in (4, 6)}
        self.assertEqual({1, 2, 20}, reasons)  # first heartbeat, deadline missed, probe answered
        self.theirs.run("ip", "address", "flush", "dev", "veth0")
        stream.until(lambda: all(stream.told(delivery.DEAD)[n] for n in (4, 6)), 10)
        dead = [record for record in stream.records if record.to == delivery.DEAD]
        # probe unanswered; or not confirmed, where a loaded machine kept us deaf for a moment of it
        self.assertTrue({record.reason for record in dead} <= {21, 3}, dead)

    def test_one_that_is_only_enrolled_is_pulled(self):
        flatline = self.appliance()
        stream = flatline.subscribe(delivery.NOW)
        for number, family in ((40, socket.AF_INET), (60, socket.AF_INET6)):
            status, output = flatline.flatline("enrol", number, "--at", THEIRS[family], "--profile",
                                               "pinged")
            self.assertEqual((0, "enrol: 1 asked for, 1 done"), (status, output.strip()))
        stream.until(lambda: all(stream.told(delivery.ALIVE)[n] for n in (40, 60)), 10)
        before = self.counter(flatline, "probe_replies")
        wait_for(lambda: self.counter(flatline, "probe_replies") > before + 20, 10, "answers")
        self.assertEqual(0, stream.told(delivery.SUSPECT)[40])
        self.theirs.run("ip", "link", "set", "veth0", "down")
        # our own end has no carrier then: that is deafness, and kills nobody
        wait_for(lambda: json.loads(flatline.flatline("status", "--json")[1].splitlines()[-1])
                 ["deaf_ns"] > 0, 10, "a deaf port")
        self.assertEqual(0, stream.told(delivery.DEAD)[40])
        self.theirs.run("ip", "link", "set", "veth0", "up")
        self.theirs.run("ip", "address", "flush", "dev", "veth0")
        stream.until(lambda: all(stream.told(delivery.DEAD)[n] for n in (40, 60)), 10)
        self.theirs.address("veth0", "10.7.0.2/24", "fd00:7::2/64")
        stream.until(lambda: all(stream.told(delivery.ALIVE)[n] == 2 for n in (40, 60)), 10)

    def test_an_agent_answers(self):
        flatline = self.appliance()
        stream = flatline.subscribe(delivery.NOW)
        agent = flatline.start("agent", [
            PROGRAMS["flatline"], "agent", "--to", f"{OURS[socket.AF_INET]}:{PORT}", "--id", "77",
            "--answer-only", "--bind-port", "17996", "--health", "degraded"], self.theirs.prefix)
        status, output = flatline.flatline("enrol", 77, "--at", THEIRS[socket.AF_INET], "--profile",
                                           "asked")
        self.assertEqual(0, status, output)
        stream.until(lambda: stream.told(delivery.ALIVE)[77], 10)
        self.assertEqual("degraded", self.get(flatline, 77)["health"])
        self.assertEqual(0, stream.told(delivery.SUSPECT)[77])
        agent.kill()  # its host is still there
        stream.until(lambda: stream.told(delivery.DEAD)[77], 10)


if __name__ == "__main__":
    case.run()
