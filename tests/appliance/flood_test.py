#!/usr/bin/env python3
"""Floods beside a small fleet that the generator plays and judges: random bytes, runts, ids that nobody
knows, real ids with wrong tags, ARP and neighbour discovery, fragments, one endpoint as fast as it can.
Over a net_memif port of their own as fast as the machine gives (frames made here, from RFCs and the
manual's tables, and sent over and over by the generator), and on the fleet's own link, a veth whose
queue overflows. Each kind is turned away by name, nobody healthy is suspected, and whoever dies is
told; as long as a queue is never empty, which may hold anybody's heartbeat, verdicts wait. The rates
are printed, and how many were told dead meanwhile.
"""

import ipaddress
import json
import random
import re
import struct
import unittest

import case
import delivery
from appliance import MEMIF_PORT, PROGRAMS, Appliance, write_scenario
from heartbeat import (AUTHENTICATED, BROADCAST, MAC, _checksum, heartbeat, udp_frame, write_capture)

FLEET, DYING = 2_000, 40
OURS = "10.255.255.253", "fd00:7::1"
FLOOD_PORT = {"device": "net_memif1,role=server,id=0,socket={dir}/flood.sock,socket-abstract=no",
              "promiscuous": True, "addresses": list(OURS)}
FLOOD_DEVICE = "net_memif8,role=client,id=0,socket={dir}/flood.sock,socket-abstract=no"
SECONDS = 3
LEAST = 10_000  # frames of each kind


def _address(draw, version=4):
    return str(ipaddress.IPv4Address(draw.getrandbits(32)) if version == 4
               else ipaddress.IPv6Address(0xFD000007 << 96 | draw.getrandbits(64)))


def _beat(draw, endpoint, **more):
    return udp_frame(heartbeat(endpoint, draw.getrandbits(31), incarnation=draw.getrandbits(31),
                               flags=0, **more), _address(draw), OURS[0])


def random_bytes(draw, _):
    """From Ethernet on, from IPv4 on, from IPv6 on, from the payload on, from behind its kind on."""
    makers = [lambda: BROADCAST + draw.randbytes(50),
              lambda: BROADCAST + MAC + b"\x08\x00" + draw.randbytes(60),
              lambda: BROADCAST + MAC + b"\x86\xdd" + draw.randbytes(80),
              lambda: udp_frame(draw.randbytes(40), _address(draw), OURS[0]),
              lambda: udp_frame(b"FL\x01\x00" + draw.randbytes(36), _address(draw), OURS[0])]
    for _ in range(20):
        for make in makers:  # alike in length, so that they are sent in bursts
            yield from (make() for _ in range(64))


def runts(draw, _):
    for length in range(1, 82):
        yield from [_beat(draw, 7)[:length]] * 64


def unknown_ids(draw, _):
    for _ in range(20_000):
        yield _beat(draw, draw.getrandbits(63) + 1)


def wrong_tags(draw, ids):
    for endpoint in ids:
        message = heartbeat(endpoint, 0x7FFFFFFF, incarnation=0xFFFFFFF0, flags=AUTHENTICATED)
        yield udp_frame(message + draw.randbytes(8), _address(draw), OURS[0])


def arp(draw, _):
    for _ in range(4000):
        yield (BROADCAST + MAC + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1)
               + draw.randbytes(10) + bytes(6) + ipaddress.ip_address(OURS[0]).packed)


def neighbour_discovery(draw, _):
    target = ipaddress.ip_address(OURS[1]).packed
    for _ in range(4000):
        source = ipaddress.ip_address(_address(draw, 6)).packed
        body = struct.pack(">I", 0) + target + b"\x01\x01" + draw.randbytes(6)
        pseudo = source + target + struct.pack(">IHBB", 4 + len(body), 0, 0, 58)
        checksum = _checksum(pseudo + b"\x87\x00\0\0" + body)
        yield (BROADCAST + MAC + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 4 + len(body), 58, 255)
               + source + target + b"\x87\x00" + struct.pack(">H", checksum) + body)


def _ipv4_fragment(draw):
    frame = bytearray(_beat(draw, 7))
    frame[20:22] = struct.pack(">H", 0x2000 | draw.getrandbits(5))
    frame[24:26] = b"\0\0"
    frame[24:26] = struct.pack(">H", _checksum(bytes(frame[14:34])))
    return bytes(frame)


def _ipv6_fragment(draw):
    inner = draw.randbytes(48)
    source = ipaddress.ip_address(_address(draw, 6)).packed
    return (BROADCAST + MAC + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, 8 + len(inner), 44, 64)
            + source + ipaddress.ip_address(OURS[1]).packed
            + struct.pack(">BBHI", 17, 0, 1, draw.getrandbits(32)) + inner)


def fragments(draw, _):
    for make in (_ipv4_fragment, _ipv6_fragment) * 10:
        yield from (make(draw) for _ in range(128))


# What is made, and by which drop reasons or counters it is turned away or answered.
KINDS = [
    (random_bytes, {"unknown-ethertype", "bad-ip-header", "wrong-magic", "bad-heartbeat"}),
    (runts, {"runt"}),
    (unknown_ids, {"enrolment-limit"}),
    (wrong_tags, {"bad-tag"}),
    (arp, {"responses_sent"}),
    (neighbour_discovery, {"responses_sent"}),
    (fragments, {"fragment"}),
]


def counts(flatline):
    code, text = flatline.flatline("--json", "status")
    if code != 0:
        raise AssertionError(text)
    seen = json.loads(text)
    return {**seen["drops"], **seen["counters"]}


def scenario(flatline, seconds, endpoints, dying):
    return write_scenario(
        flatline, endpoints, "database", seconds,
        f'kind = "die"\nat = "5s"\nover = "{seconds - 15}s"\ncount = {dying}')


class FloodTest(unittest.TestCase):
    def setUp(self):
        case.needs_root()
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        self.draw = random.Random(seed)

    def pour(self, flatline, name, *arguments, prefix=()):
        """One flood, for SECONDS; its rate is printed."""
        process = flatline.start(f"flood-{name}", [PROGRAMS["generator"], "--run-for", f"{SECONDS}s",
                                                   "--quiet", *map(str, arguments)], prefix)
        self.assertEqual(0, process.wait(40), process.output)
        said = process.output.strip().splitlines()[-1]
        print(f"{name}: {said}")
        return int(re.search(r"accepted=(\d+)", said).group(1))

    def start(self, flatline):
        key = flatline.directory / "key"
        self.assertEqual(0, flatline.flatline("key", "make", "--file", key)[0])
        flatline.settings["authentication"] = {"key": key, "mode": "accepted"}
        flatline.write_config()
        flatline.start_dataplane()
        flatline.start_control()

    @staticmethod
    def flooding(flatline):
        return "--port", FLOOD_DEVICE.replace("{dir}", str(flatline.directory))

    def flood_by_kind(self, flatline, ids):
        device = self.flooding(flatline)
        for kind, names in KINDS:
            capture = flatline.directory / f"{kind.__name__}.pcap"
            write_capture(capture, kind(self.draw, ids))
            before = counts(flatline)
            self.pour(flatline, kind.__name__, *device, "--replay", capture)
            after = counts(flatline)
            for name in names:
                self.assertGreater(after[name] - before[name], LEAST, f"{kind.__name__}: {name}")
        before = counts(flatline)
        sent = self.pour(flatline, "one_endpoint", *device, "--flood", "--endpoints", 1, "--seed",
                         99, "--profile", "database", "--dst-ip", OURS[0])
        heard = counts(flatline)["heartbeats"] - before["heartbeats"]
        # All but what came while strangers were still waited out; the fleet's are among them.
        self.assertGreater(heard, max(LEAST, 0.9 * sent))

    def tells_the_dead_and_nobody_else(self, stream, generator, mine, dying):
        self.assertTrue(stream.until(lambda: not generator.is_running, 120), "the judge decides")
        self.assertEqual(0, generator.wait(1), generator.output)
        self.assertRegex(generator.output.splitlines()[-1],
                         rf" killed={dying} told={dying} missed=0 false_suspect=0 false_dead=0 ")
        self.assertTrue(stream.until(lambda: len(stream.told(delivery.DEAD, mine)) == dying, 10))
        for liveness in (delivery.SUSPECT, delivery.DEAD):
            self.assertEqual(dying, len(stream.told(liveness, mine)))

    def test_nobody_healthy_is_suspected_whatever_comes(self):
        with Appliance([MEMIF_PORT, FLOOD_PORT], {"endpoints": 8_000, "memory": "96M",
                                                  "enrolment_time": "10s"}) as flatline:
            self.start(flatline)
            generator = flatline.start_generator("--scenario", scenario(flatline, 75, FLEET, DYING),
                                                 "--judge", flatline.socket, "--slack", "8s")
            stream = flatline.subscribe(delivery.FROM)
            self.assertTrue(stream.until(lambda: len(stream.told(delivery.ALIVE)) == FLEET, 20))
            mine = set(stream.told(delivery.ALIVE))
            self.flood_by_kind(flatline, mine)
            stream.until(lambda: False, 0.2)
            print(f"told dead amid the floods: {len(stream.told(delivery.DEAD, mine))}")
            # A port whose peer is gone is deaf, and then nobody is told dead.
            flatline.start("keeper", [PROGRAMS["generator"], *self.flooding(flatline), "--quiet",
                                      "--endpoints", "1", "--seed", "99", "--run-for", "90s"])
            self.tells_the_dead_and_nobody_else(stream, generator, mine, DYING)

    def test_a_link_that_is_filled_kills_nobody(self):
        ours, theirs = case.linked(self, "10.7.0.2/24", "fd00:7::2/64")
        port = {"device": "net_af_packet0,iface=veth0", "addresses": ["10.7.0.1", "fd00:7::1"]}
        with Appliance([port], namespace=ours) as flatline:
            self.start(flatline)
            generator = flatline.start(
                "generator", [PROGRAMS["generator"], "--udp", "10.7.0.1:17996", "--quiet", "--scenario",
                              scenario(flatline, 30, 500, 10), "--judge", flatline.socket,
                              "--slack", "8s"], theirs.prefix)
            stream = flatline.subscribe(delivery.FROM)
            self.assertTrue(stream.until(lambda: len(stream.told(delivery.ALIVE)) == 500, 20))
            mine = set(stream.told(delivery.ALIVE))
            for family, target in enumerate(("10.7.0.1:17996", "[fd00:7::1]:17996")):
                before = counts(flatline)
                self.pour(flatline, f"veth{family}", "--udp", target, "--flood", "--endpoints",
                          1, "--seed", 99, prefix=theirs.prefix)
                self.assertGreater(counts(flatline)["heartbeats"] - before["heartbeats"], LEAST)
            self.tells_the_dead_and_nobody_else(stream, generator, mine, 10)


if __name__ == "__main__":
    case.run()
