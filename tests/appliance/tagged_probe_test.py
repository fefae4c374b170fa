#!/usr/bin/env python3
"""Questions and answers where tags are required, over veth: every question has the tag of whom it
asks, whoever answers with the right one lives by it, no forgery keeps anybody alive, and who dies is
told, whatever is forged beside. An agent of the product, and one written here from the manual.
"""

import json
import socket
import threading
import unittest

import case
import delivery
from appliance import PROGRAMS, Appliance
from heartbeat import PORT, PROBE, answered, heartbeat, is_tagged_with, kind_of, tagged
from process import wait_for

OURS, THEIRS = "10.7.0.1", "10.7.0.2"
BACKED, PULLED = 16, 17
PROBE_ANSWERED = 20
HARNESS_PORT = 17997
PROFILES = "".join(f"""
[[profile]]
id = {number}
name = "{name}"
interval = "100ms"
confirmation = "400ms"
probe = "native"
{more}
""" for number, name, more in ((BACKED, "backed", ""), (PULLED, "asked", "pull = true")))


class Host:
    """Answers each question by `rule`, which makes datagrams of the question; keeps what came."""

    def __init__(self, namespace):
        self._socket = namespace.socket(socket.AF_INET)
        self._socket.bind((THEIRS, HARNESS_PORT))
        self._socket.settimeout(0.05)
        self._ends = threading.Event()
        self.questions = []
        self.rule = lambda question: []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._ends.is_set():
            try:
                datagram, source = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            if kind_of(datagram) == PROBE:
                self.questions.append(datagram)
                for answer in self.rule(datagram):
                    self._socket.sendto(answer, source)

    def beat(self, message):
        self._socket.sendto(message, (OURS, PORT))

    def close(self):
        self._ends.set()
        self._thread.join()
        self._socket.close()


def forgeries(key, other, captured):
    """What whoever has no key might answer: a name, and what is made of a question."""
    return (
        ("a bit of the tag", lambda question: [flipped(tagged(answered(question), key), -1)]),
        ("a bit of the answer", lambda question: [flipped(tagged(answered(question), key), 5)]),
        ("no tag", lambda question: [answered(question)]),
        ("the flag of a tag alone", lambda question: [tagged(answered(question), key)[:40]]),
        ("the key of another", lambda question: [tagged(answered(question), other)]),
        ("the tag of the question", lambda question: [answered(question, flags=question[4])
                                                      + question[40:]]),
        ("a captured answer", lambda question: [captured]),
    )


def flipped(datagram, at):
    out = bytearray(datagram)
    out[at] ^= 1
    return bytes(out)


class TaggedProbeTest(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = case.namespaces(2)
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)
        self.ours.join_by_veth(self.theirs)
        self.theirs.address("veth0", f"{THEIRS}/24")
        port = {"device": "net_af_packet0,iface=veth0", "addresses": [OURS]}
        self.flatline = self.enterContext(Appliance([port], namespace=self.ours))
        self.flatline.make_key("required")
        with self.flatline.config.open("a") as config:
            config.write(PROFILES)

    def status(self):
        status, output = self.flatline.flatline("status", "--json")
        self.assertEqual(0, status, output)
        return json.loads(output.splitlines()[-1])

    def agent(self, endpoint, key, port):
        """`flatline agent` that only answers, and what it has counted."""
        keys = self.flatline.directory / f"agent-{endpoint}.keys"
        keys.write_text(f"{endpoint} {key.hex()}\n")
        status, output = self.flatline.flatline("enrol", endpoint, "--at", f"{THEIRS}:{port}",
                                                "--profile", "asked")
        self.assertEqual(0, status, output)
        process = self.flatline.start(f"agent-{endpoint}", [
            PROGRAMS["flatline"], "agent", "--to", f"{OURS}:{PORT}", "--id", str(endpoint),
            "--answer-only", "--bind-port", str(port), "--health", "degraded", "--keys", keys,
            "--json"], self.theirs.prefix)

        def counted(name):
            lines = [line for line in process.output.splitlines() if line.startswith("{")]
            return json.loads(lines[-1]).get(name, 0) if lines else 0
        return process, counted

    def test_an_agent_lives_by_its_key_through_a_rotation_and_no_other_does(self):
        flatline = self.flatline
        dataplane = flatline.start_dataplane()
        flatline.start_control()
        stream = flatline.subscribe(delivery.NOW)
        key = flatline.derive(77)
        agent, counted = self.agent(77, key, PORT)
        stranger, strange = self.agent(78, key, PORT + 1)  # its key is that of 77
        self.assertTrue(stream.until(lambda: stream.told(delivery.ALIVE)[77], 10))
        wait_for(lambda: counted("answered") > 20, 10, "answers")
        self.assertEqual(0, counted("strange"), "every question had its tag, or it were no question")
        self.assertTrue(stream.until(lambda: stream.told(delivery.DEAD)[78], 10), "never heard")
        wait_for(lambda: strange("strange") > 3, 10, "questions that the wrong key takes for forged")
        self.assertEqual(0, strange("answered"))
        now = self.status()
        self.assertGreater(now["counters"]["probe_replies"], 20)
        self.assertEqual(0, now["drops"]["bad-tag"] + now["drops"]["untagged"])
        stranger.kill()

        self.assertEqual(0, flatline.flatline("key", "rotate")[0])
        dataplane.stop()
        flatline.start_dataplane(ready="adopted")
        before = counted("answered")
        wait_for(lambda: counted("answered") > before + 20, 20, "answers by the previous key")
        self.assertEqual(0, stream.told(delivery.DEAD)[77])

        agent.kill()  # its host is still there
        self.assertTrue(stream.until(lambda: stream.told(delivery.DEAD)[77], 10))

    def test_no_forged_answer_keeps_anybody_alive(self):
        flatline = self.flatline
        flatline.start_dataplane()
        flatline.start_control()
        stream = flatline.subscribe(delivery.NOW)
        host = Host(self.theirs)
        self.addCleanup(host.close)
        key, other = flatline.derive(90), flatline.derive(91)
        witness, _ = self.agent(77, flatline.derive(77), PORT)
        self.assertTrue(stream.until(lambda: stream.told(delivery.ALIVE)[77], 10))

        captured = []

        def rightly(question):
            captured.append(tagged(answered(question), key))
            return captured[-1:]
        host.rule = rightly
        host.beat(tagged(heartbeat(90, 1, profile=BACKED, flags=0), key))
        # suspect again and again, and each time it answers
        self.assertTrue(stream.until(lambda: stream.told(delivery.ALIVE)[90] >= 5, 20))
        self.assertEqual(0, stream.told(delivery.DEAD)[90])
        self.assertIn(PROBE_ANSWERED, {one.reason for one in stream.records if one.endpoint == 90})
        self.assertTrue(all(is_tagged_with(key, question) for question in host.questions))

        host.rule = lambda question: []
        self.assertTrue(stream.until(lambda: stream.told(delivery.DEAD)[90] == 1, 10))
        for deaths, (name, rule) in enumerate(forgeries(key, other, captured[-1]), start=2):
            with self.subTest(name):
                host.rule, asked = rule, len(host.questions)
                before = len(stream.records)
                host.beat(tagged(heartbeat(90, deaths, profile=BACKED, flags=0), key))
                self.assertTrue(stream.until(
                    lambda wanted=deaths: stream.told(delivery.DEAD)[90] == wanted, 10))
                self.assertGreater(len(host.questions), asked)
                self.assertNotIn(PROBE_ANSWERED, [one.reason for one in stream.records[before:]
                                                  if one.endpoint == 90])
        drops = self.status()["drops"]
        self.assertGreaterEqual(drops["bad-tag"], 5)
        self.assertGreaterEqual(drops["untagged"], 1)

        self.assertEqual(0, stream.told(delivery.SUSPECT)[77] + stream.told(delivery.DEAD)[77])
        witness.kill()
        self.assertTrue(stream.until(lambda: stream.told(delivery.DEAD)[77], 10))


if __name__ == "__main__":
    case.run()
