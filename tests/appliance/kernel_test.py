#!/usr/bin/env python3
"""Plain kernel sockets in another network namespace, over veth: `sendto` over IPv4 and IPv6 is heard
on net_af_packet and on net_af_xdp and acknowledged, after the kernel resolved our address by ARP
and neighbour discovery and pinged it. When the sender stops, a subscriber hears suspect, then dead.
"""

import errno
import socket
import time
import unittest

import case
import delivery
from appliance import FAST_CONFIRMATION, FAST_TIMEOUT, PROGRAMS, Appliance
from heartbeat import PORT, acknowledged, heartbeat

DEVICES = {"af_packet": "net_af_packet0,iface=veth0",
           "af_xdp": "net_af_xdp0,iface=veth0,force_copy=1"}
OURS = {socket.AF_INET: "10.7.0.1", socket.AF_INET6: "fd00:7::1"}
STALLED, LINK_DOWN, FRAMES_MISSED = 10, 11, 12
STALL_NS = 10_000_000
BLINKS, OTHER_CAUSES = 5, 5
BEATS = 20
INTERVAL = 0.05


def beat(sender, endpoint, to):
    """Beats, and returns the acknowledged (sequence, handle) pairs and when the last one left."""
    sender.settimeout(INTERVAL)
    answers, left = [], 0
    for sequence in range(1, BEATS + 1):
        sender.sendto(heartbeat(endpoint, sequence), (to, PORT))
        left = time.time()
        end = time.monotonic() + INTERVAL
        while time.monotonic() < end:
            try:
                answer = acknowledged(sender.recv(2048))
            except TimeoutError:
                break
            if answer and answer[0] == endpoint:
                answers.append(answer[2:])
    return answers, left


class KernelTest(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = case.linked(self, "10.7.0.2/24", "fd00:7::2/64")

    def hear_and_lose(self, flatline, family, endpoint):
        stream = flatline.subscribe(delivery.NOW)
        sender = self.theirs.socket(family)
        with sender:
            answers, left = beat(sender, endpoint, OURS[family])
        # the very first may have enrolled in another worker's shard, or waited for ARP
        self.assertGreaterEqual(len(answers), BEATS - 2)
        self.assertEqual(1, len({handle for _, handle in answers}))
        stream.until(lambda: stream.told(delivery.DEAD)[endpoint], 10)
        mine = [record for record in stream.records
                if record.endpoint == endpoint and record.kind == delivery.LIVENESS]
        self.assertEqual([delivery.ALIVE, delivery.SUSPECT, delivery.DEAD],
                         [record.to for record in mine])
        self.assertEqual(BEATS, mine[-1].heartbeat_sequence)
        for record, silence in zip(mine[1:], (FAST_TIMEOUT, FAST_TIMEOUT + FAST_CONFIRMATION)):
            self.assertGreater(record.at_ns / 1e9 - left, silence - 0.02)
            self.assertLess(record.at_ns / 1e9 - left, silence + 2)

    def over(self, kind):
        port = {"device": DEVICES[kind], "addresses": list(OURS.values())}
        with Appliance([port], namespace=self.ours) as flatline:
            dataplane = flatline.start_dataplane(ready=None)
            try:
                dataplane.wait_for_line("hearing: ")
            except AssertionError:
                if kind == "af_xdp" and not self.xdp_is_there():
                    self.skipTest("needs AF_XDP, this kernel has none")
                raise
            flatline.start_control()
            for target in OURS.values():
                self.theirs.run("ping", "-c", "2", "-i", "0.2", "-W", "5", target)
            self.hear_and_lose(flatline, socket.AF_INET, 4)
            self.hear_and_lose(flatline, socket.AF_INET6, 6)
            self.assertEqual(0, dataplane.stop())

    @staticmethod
    def xdp_is_there():
        try:
            socket.socket(44, socket.SOCK_RAW).close()  # AF_XDP
        except OSError as error:
            return error.errno != errno.EAFNOSUPPORT
        return True

    def test_af_packet(self):
        self.over("af_packet")

    def test_af_xdp(self):
        self.over("af_xdp")

    def test_a_carrier_that_is_gone_for_a_moment_is_a_blind_interval(self):
        port = {"device": DEVICES["af_packet"], "addresses": list(OURS.values())}
        with Appliance([port], namespace=self.ours) as flatline:
            flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe()

            def by_the_link():
                return [record for record in stream.kinds(delivery.BLIND)
                        if record.reason in (LINK_DOWN, FRAMES_MISSED)]

            # Shorter than the time between two looks at the ports: all but some are known by count.
            # A machine that gives us no core meanwhile is told too, and may be the longer cause.
            for _ in range(BLINKS + OTHER_CAUSES):
                before, known = len(stream.kinds(delivery.BLIND)), len(by_the_link())
                if known >= BLINKS:
                    break
                self.theirs.run("sh", "-c", "printf 'link set veth0 %s\\n' down up | ip -batch -")
                self.assertTrue(
                    stream.until(lambda: len(stream.kinds(delivery.BLIND)) > before, 10))
                stream.until(lambda: len(by_the_link()) > known, 1)
                time.sleep(0.2)  # blind intervals nearer to each other are told as one
            self.assertGreaterEqual(len(by_the_link()), BLINKS)
            for record in stream.kinds(delivery.BLIND):
                if record not in by_the_link():
                    self.assertEqual(STALLED, record.reason)
                    self.assertGreater(record.silence_ns, STALL_NS)

    def test_agent_verb_beats_over_a_kernel_socket(self):
        port = {"device": DEVICES["af_packet"], "addresses": list(OURS.values())}
        with Appliance([port], namespace=self.ours) as flatline:
            flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe()
            agent = flatline.start("agent", [
                PROGRAMS["flatline"], "agent", "--to", f"{OURS[socket.AF_INET]}:{PORT}", "--id",
                "77", "--interval", "100ms", "--profile", "leader-election"], self.theirs.prefix)
            stream.until(lambda: stream.told(delivery.ALIVE)[77], 10)
            self.assertTrue(agent.is_running, agent.output)
            agent.kill()
            stream.until(lambda: stream.told(delivery.DEAD)[77], 10)
            self.assertEqual((1, 1), (stream.told(delivery.SUSPECT)[77],
                                      stream.told(delivery.DEAD)[77]))


if __name__ == "__main__":
    case.run()
