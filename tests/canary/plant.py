#!/usr/bin/env python3
"""`plant.py BUG SOURCE COPY`: a source of the product with one bug planted in a copy, for the tests
that must find it. What is replaced must be there once: a source that moved on takes its canary with
it.
"""

import pathlib
import sys

# The words of the issue, the source's name, what is there, and what the bug makes of it.
BUGS = {
    "lost_wake_up": ("service.cc",
                     "  if (worked) {\n    RingBells();",
                     "  if (worked && journal_->newest() % 2 == 0) {\n    RingBells();"),
    "stamp_from_another_endpoint": (
        "fast_path.cc",
        "index_.records[lane.slot].id.load(std::memory_order_acquire) != id)",
        "index_.records[lane.slot].id.load(std::memory_order_acquire) == kNoEndpoint)"),
    "off_by_one_tick": ("timing_wheel.cc",
                        "NextOccupied(ByteOf(now_, 0) + 1)",
                        "NextOccupied(ByteOf(now_, 0) + 2)"),
    "index_before_the_journal": (
        "scribe.cc",
        "    const std::size_t of_part = Write(part, now, wall_offset);\n"
        "    written += of_part;\n"
        "    if (of_part < part.size() || !TellNews(now)) {\n"
        "      break;\n"
        "    }\n"
        "  }\n"
        "  reader_.Release(written);\n",
        "    reader_.Release(part.size());\n"
        "    const std::size_t of_part = Write(part, now, wall_offset);\n"
        "    written += of_part;\n"
        "    if (of_part < part.size() || !TellNews(now)) {\n"
        "      break;\n"
        "    }\n"
        "  }\n"),
    "replay_accepted": ("detector.cc", "ahead >= 0 : ahead > 0;", "ahead >= 0 : ahead > -8;"),
    "replay_accepted_at_once": ("fast_path.cc",
                                "== seen.incarnation && ahead > 0;",
                                "== seen.incarnation && ahead > -8;"),
    "lease_kept_by_a_replay": ("lease_table.cc",
                               "if (request.sent_ns <= lease.asked_ns) {",
                               "if (request.sent_ns == 0) {"),
    "lease_granted_to_a_replay": ("lease_desk.cc",
                                  "(heartbeat.sequence - seen.heard.sequence) < 0) {",
                                  "(heartbeat.sequence - seen.heard.sequence) < -1000) {"),
    "answer_accepted_again": ("shard_probes.cc",
                              "const Stamp stamp = StampOf(present - trip);",
                              "const Stamp stamp = StampOf(present);"),
}


def main(bug, source, copy):
    name, there, instead = BUGS[bug]
    path = pathlib.Path(source)
    text = path.read_text()
    if path.name != name or text.count(there) != 1:
        sys.exit(f"{source}: needed once, found {text.count(there)} times: {there}\n"
                 f"plant '{bug}' elsewhere: tests/canary/plant.py")
    pathlib.Path(copy).write_text(text.replace(there, instead))


if __name__ == "__main__":
    main(*sys.argv[1:])
