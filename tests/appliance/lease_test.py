#!/usr/bin/env python3
"""Leases over real processes: the lead of a group is granted, renewed, refused to a second; kept
over a killed dataplane; told as expired when its holder is killed, and then the second's; and after
a start from nothing granted only once all that was granted before has run out, with a higher token.
"""

import json
import time
import unittest

import case
import delivery
from appliance import PROGRAMS, Appliance
from process import wait_for

LEASE = 8
GRANTED, EXPIRED, RELEASED = 26, 27, 28
GROUP = 5
TERM, MOST = 3, 4  # seconds


def token_of(record):
    return record.incarnation << 32 | record.heartbeat_sequence


def epoch_of(token):
    return token >> 40


class Agent:
    """`flatline agent` with a lease, by what it prints."""

    def __init__(self, flatline, prefix, endpoint, *arguments, name=None):
        self.process = flatline.start(name or f"agent-{endpoint}", [
            PROGRAMS["flatline"], "agent", "--to", "10.7.0.1:17996", "--id", str(endpoint),
            "--group", str(GROUP), "--interval", "100ms", "--profile", "database", "--for", "120s",
            "--json", "--term", f"{TERM}s", *arguments], prefix)

    @property
    def news(self):
        lines = self.process.output.splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in told if line["event"] == "lease"]

    def until(self, what, timeout=20, **wanted):
        """The first news from number `what` on with these values."""
        return wait_for(lambda: next(
            (one for one in self.news[what:] if wanted.items() <= one.items()), None), timeout,
            f"{wanted} in what the agent says")


class LeaseTest(unittest.TestCase):
    def setUp(self):
        self.ours, self.theirs = case.linked(self, "10.7.0.2/24")

    def appliance(self):
        return Appliance([{"device": "net_af_packet0,iface=veth0", "addresses": ["10.7.0.1"]}],
                         {"leases": 64, "lease_term_most": f"{MOST}s",
                          "lease_epoch": "{dir}/epoch"}, namespace=self.ours)

    def held(self, flatline):
        status, output = flatline.flatline("lease", "--json")
        self.assertEqual(0, status, output)
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    def test_the_lead_of_a_group_goes_from_one_to_the_next_and_no_token_back(self):
        with self.appliance() as flatline:
            status, output = flatline.flatline("lease", "begin")
            self.assertEqual(0, status, output)
            dataplane = flatline.start_dataplane()
            flatline.start_control()
            stream = flatline.subscribe(delivery.FROM)

            first = Agent(flatline, self.theirs.prefix, 7, "--lease", "leader")
            token = first.until(0, may_act=True, lease=f"leader:{GROUP}")["token"]
            self.assertEqual(1, epoch_of(token))
            second = Agent(flatline, self.theirs.prefix, 8, "--lease", "leader")
            self.assertEqual(token, second.until(0, may_act=False, answer="held", holder=7)["token"])
            time.sleep(2 * TERM)  # renewed, or it would be the second's
            self.assertEqual([(7, token)], [(one["holder"], one["token"])
                                            for one in self.held(flatline)])
            self.assertEqual(1, len(first.news), "it may act throughout")

            dataplane.kill()
            time.sleep(1)
            dataplane = flatline.start_dataplane(ready="adopted")
            dataplane.wait_for_line("hearing: ")
            time.sleep(TERM)
            self.assertEqual([(7, token)], [(one["holder"], one["token"])
                                            for one in self.held(flatline)])

            first.process.kill()
            higher = second.until(1, may_act=True)["token"]
            self.assertGreater(higher, token)
            self.assertTrue(stream.until(lambda: len(stream.kinds(LEASE)) == 3, 10))
            self.assertEqual([(7, GRANTED, 1, token), (7, EXPIRED, 0, token), (8, GRANTED, 1, higher)],
                             [(r.endpoint, r.reason, r.to, token_of(r))
                              for r in stream.kinds(LEASE)])
            self.assertEqual({(2, GROUP, GROUP)}, {(r.origin, r.silence_ns, r.group)
                                                   for r in stream.kinds(LEASE)})

            before = len(second.news)
            dataplane.kill()
            stopped = time.monotonic()
            flatline.start_dataplane("--cold")
            highest = second.until(before, timeout=40, may_act=True)["token"]
            self.assertGreaterEqual(time.monotonic() - stopped, MOST)
            self.assertTrue(second.until(before, may_act=False, answer="waits"))
            self.assertEqual(2, epoch_of(highest))
            self.assertTrue(stream.until(lambda: len(stream.kinds(LEASE)) == 4, 10))
            self.assertEqual(2, len(stream.kinds(delivery.RESET)))

            second.process.stop()
            self.assertTrue(stream.until(lambda: len(stream.kinds(LEASE)) == 5, 10))
            self.assertEqual((8, RELEASED, highest), (
                stream.records[-1].endpoint, stream.records[-1].reason, token_of(stream.kinds(LEASE)[-1])))

    def test_nothing_is_granted_without_the_file_of_the_epoch(self):
        with self.appliance() as flatline:
            dataplane = flatline.start_dataplane()
            self.assertIn("flatline lease begin", dataplane.output)
            agent = Agent(flatline, self.theirs.prefix, 7, "--lease", "name:42")
            agent.until(0, may_act=False, answer="not-granting")
            dataplane.kill()
            (flatline.directory / "epoch").write_text("flatline lease epoch 7, terms up to 1")
            self.assertIn("damaged", flatline.start_dataplane().output)
            self.assertEqual([], self.held(flatline))
            self.assertFalse([one for one in agent.news if one["may_act"]])

    def test_a_lease_is_granted_by_the_key_of_its_endpoint_alone(self):
        with self.appliance() as flatline:
            flatline.settings["authentication"] = {"key": "{dir}/key", "mode": "required"}
            flatline.write_config()
            for command in (("key", "make"), ("lease", "begin")):
                status, output = flatline.flatline(*command)
                self.assertEqual(0, status, output)
            keys = flatline.directory / "keys"
            status, output = flatline.flatline("key", "derive", 7)
            self.assertEqual(0, status, output)
            keys.write_text(output)
            flatline.start_dataplane()
            forger = Agent(flatline, self.theirs.prefix, 7, "--lease", "own", name="forger")
            time.sleep(1)
            genuine = Agent(flatline, self.theirs.prefix, 7, "--lease", "own", "--keys", str(keys),
                            "--incarnation", "4000000000")
            self.assertTrue(genuine.until(0, may_act=True, lease="own:7"))
            self.assertEqual([], [one for one in forger.news if one["answer"]])


if __name__ == "__main__":
    case.run()
