#!/usr/bin/env python3
"""net_pcap, end to end: a capture goes in, verdicts come out on the stream and acknowledgements in
another capture. The capture ends, so all who spoke in it fall silent: alive, suspect, dead.
"""

import unittest

import case
import delivery
from appliance import Appliance
from heartbeat import acknowledged, heartbeat, read_capture, udp_frame, udp_payload, write_capture

ENDPOINTS = range(1001, 1101)


def frames():
    for endpoint in ENDPOINTS:
        over_ipv6 = endpoint % 2 == 1
        addresses = {"source": "fd00::7", "target": "fd00::1"} if over_ipv6 else {}
        yield udp_frame(heartbeat(endpoint, sequence=1), **addresses)
    yield b"\0" * 20  # a runt
    yield udp_frame(b"XX" + heartbeat(7, 1)[2:])  # wrong magic
    yield udp_frame(heartbeat(8, 1), port=53)  # not our port
    yield udp_frame(heartbeat(9, 1))[:-1] + b"\xff"  # bad UDP checksum


class PcapTest(unittest.TestCase):
    def test_capture_in_verdicts_and_acknowledgements_out(self):
        case.needs_root()
        port = {"device": "net_pcap0,rx_pcap={dir}/in.pcap,tx_pcap={dir}/out.pcap",
                "promiscuous": True}
        with Appliance([port]) as flatline:
            write_capture(flatline.directory / "in.pcap", frames())
            dataplane = flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe(delivery.FROM)
            for liveness in (delivery.ALIVE, delivery.SUSPECT, delivery.DEAD):
                stream.until(lambda to=liveness: len(stream.told(to)) == len(ENDPOINTS), 10)
                self.assertEqual({endpoint: 1 for endpoint in ENDPOINTS}, stream.told(liveness))
            for record in stream.records:
                if record.kind == delivery.LIVENESS and record.to == delivery.DEAD:
                    self.assertGreaterEqual(record.silence_ns, 400_000_000)
                    self.assertEqual((1, 1), (record.incarnation, record.heartbeat_sequence))
            self.assertEqual(0, dataplane.stop())
            answers = [acknowledged(udp_payload(frame) or b"")
                       for frame in read_capture(flatline.directory / "out.pcap")]
            self.assertEqual(list(ENDPOINTS), sorted(answer[0] for answer in answers if answer))
            self.assertEqual(len(ENDPOINTS), len({answer[3] for answer in answers if answer}))


if __name__ == "__main__":
    case.run()
