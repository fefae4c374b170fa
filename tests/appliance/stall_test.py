#!/usr/bin/env python3
"""What stands still for 0.1, 1, 3, 10 and 30 s, under load: a worker, the whole dataplane, control, a
subscriber. Each in an appliance of its own, all four at once. Nobody is called silent for it, and
endpoints that die all the while, in every stall and between them, are told: the witnesses.
"""

import concurrent.futures
import contextlib
import json
import signal
import time
import unittest

import case
import delivery
from appliance import MEMIF_PORT, PROGRAMS, Appliance, write_scenario
from debugger import stopped
from process import wait_for

STALLS = (0.1, 1, 3, 10, 30)
BETWEEN = 2.5
FLEET, DYING, FLAPPING = 2_000, 2, 200
FIRST_DEATH, LAST_DEATH = 4, 66
DEATHS = range(FIRST_DEATH, LAST_DEATH, 2)


@contextlib.contextmanager
def stopped_process(process):
    process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)


class Story:
    """One appliance with a fleet of which some die every two seconds, and a judge."""

    def __init__(self, stack):
        self.flatline = stack.enter_context(Appliance([MEMIF_PORT], {"workers": 2}))
        self.dataplane = self.flatline.start_dataplane()
        self.control = self.flatline.start_control()

    def begin(self, *more, slack="1s"):
        events = [f'kind = "die"\nat = "{at}s"\ncount = {DYING}' for at in DEATHS]
        story = write_scenario(self.flatline, FLEET, "leader-election", LAST_DEATH + 2, *events, *more)
        self.generator = self.flatline.start_generator(
            "--scenario", story, "--judge", self.flatline.socket, "--slack", slack)
        wait_for(lambda: self.seen()["alive"] == FLEET, 15, "all to be heard")

    def seen(self):
        return json.loads(self.flatline.flatline("--json", "status")[1])["liveness"]

    def worker_thread(self, number):
        return json.loads(self.flatline.flatline("--json", "status")[1])["workers"][number]["thread"]

    def stall(self, stops):
        for seconds in STALLS:
            with stops():
                time.sleep(seconds)
            time.sleep(BETWEEN)

    def verdict(self, who, flaps=0):
        """Of the judge, who fails if one verdict is missing or false."""
        killed = DYING * len(DEATHS) + flaps
        status = self.generator.wait(60)
        line = self.generator.output.splitlines()[-1]
        print(f"{who}: {line}", flush=True)
        if status != 0 or f" killed={killed} told={killed} " not in line:
            raise AssertionError(f"{who}: {self.generator.output}")


def a_worker(stack):
    story = Story(stack)
    story.begin()
    thread = story.worker_thread(1)
    story.stall(lambda: stopped(thread))
    story.verdict("worker")


def the_dataplane(stack):
    story = Story(stack)
    story.begin()
    story.stall(lambda: stopped_process(story.dataplane))
    story.verdict("dataplane")


def control(stack):
    story = Story(stack)
    story.begin(slack=f"{max(STALLS) + 5}s")  # told as soon as somebody can tell it
    story.stall(lambda: stopped_process(story.control))
    story.verdict("control")


def a_subscriber(stack):
    """It may be late, and is. What it heard in the end is what one heard who never stood still."""
    story = Story(stack)
    flaps = [f'kind = "flap"\nat = "{at}s"\nlasting = "1s"\ncount = {FLAPPING}'
             for at in (8, 16, 26, 36, 46)]
    watch = story.flatline.start("watch", [
        PROGRAMS["flatline"], "--json", "watch", "--from", "0", "--address", story.flatline.socket])
    other = story.flatline.subscribe(delivery.FROM)
    story.begin(*flaps)
    story.stall(lambda: stopped_process(watch))
    story.verdict("subscriber", flaps=FLAPPING * len(flaps))
    other.until(lambda: False, 1)
    truth = [(r.sequence, r.endpoint) for r in other.records]
    if len(truth) < 2 * FLAPPING * len(flaps):
        raise AssertionError(f"the witness heard {len(truth)} records")

    def heard():
        return [(own["sequence"], int(own.get("endpoint") or 0)) for own in
                map(json.loads, watch.output.splitlines()) if "sequence" in own]
    with contextlib.suppress(AssertionError):
        wait_for(lambda: heard() == truth, 15, "the one that stood still")
    if heard() != truth:
        raise AssertionError(f"heard {len(heard())} of {len(truth)}: {heard()[:3]} {truth[:3]}")


class StallTest(unittest.TestCase):
    def test_nobody_is_called_silent_for_what_stands_still(self):
        case.needs_root()
        with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(story, stack) for story in (a_worker, the_dataplane, control,
                                                            a_subscriber)]
            for job in jobs:
                job.result()


if __name__ == "__main__":
    case.run()
