#!/usr/bin/env python3
"""Writes what `./run figures` printed into bench/README.md: `./run figures > f; bench/table.py f`.

Three blocks of the page are replaced: every figure that has a target, with what was reached; all the
others; and the arithmetic for a larger server. The last column of the first table (how it is
measured, or why it is not reached) is written by hand in the page and kept. So is the figure of a
row that is not in the file, as when a part was measured.
"""

import math
import pathlib
import re
import sys

from figures_file import in_words, read_figures

PAGE = pathlib.Path(__file__).resolve().parent / "README.md"
AT_LEAST, AT_MOST = "at least", "at most"

# name, which way, how much, unit
TARGETS = [
    ("pipeline.heartbeats_per_core", AT_LEAST, 50e6, "1/s"),
    ("pipeline.heartbeats_per_core_handle", AT_LEAST, 80e6, "1/s"),
    ("pipeline.heartbeats_per_core_100m", AT_LEAST, 25e6, "1/s"),
    ("pipeline.heartbeats_per_core_100m_handle", AT_LEAST, 45e6, "1/s"),
    ("pipeline.ratio_to_memory_limit", AT_LEAST, 0.3, "1"),
    ("memif.heartbeats_per_core", AT_LEAST, 40e6, "1/s"),
    ("memif.ratio_to_memif_only", AT_LEAST, 0.7, "1"),
    ("table.ratio_to_rte_hash", AT_LEAST, 2.5, "1"),
    ("table.ratio_to_tbb", AT_LEAST, 7, "1"),
    ("wheel.ratio_to_rte_timer", AT_LEAST, 150, "1"),
    ("wheel.ratio_to_textbook_wheel", AT_LEAST, 10, "1"),
    ("wheel.expiries_per_second", AT_LEAST, 20e6, "1/s"),
    ("wheel.longest_turn_us", AT_MOST, 200, "us"),
    ("socket.ratio_to_recvmmsg", AT_LEAST, 25, "1"),
    ("redis.ratio", AT_LEAST, 50, "1"),
    ("memory.bytes_per_endpoint", AT_MOST, 64, "B"),
    ("memory.bytes_per_endpoint_100m", AT_MOST, 64, "B"),
    ("growth.cycles_100m_over_100k", AT_MOST, 5, "1"),
    ("scale.two_workers_over_one", AT_LEAST, 1.8, "1"),
    ("judgement.mistakes_phi_over_fixed_mixed", AT_MOST, 0.1, "1"),
    ("judgement.mistakes_chen_over_fixed_mixed", AT_MOST, 0.1, "1"),
    ("judgement.pipeline_cost", AT_MOST, 0.05, "1"),
    ("judgement.overshoot_ticks_p999_100ms", AT_MOST, 2, "1"),
    ("judgement.overshoot_ticks_p999_10ms", AT_MOST, 2, "1"),
    ("delivery.ratio_to_nats_w1", AT_LEAST, 2, "1"),
    ("delivery.ratio_to_nats_w16", AT_LEAST, 2.5, "1"),
    ("delivery.ratio_to_nats_w256", AT_LEAST, 8, "1"),
    ("delivery.ratio_to_redis_w1", AT_LEAST, 1.1, "1"),
    ("delivery.ratio_to_redis_w16", AT_LEAST, 1.5, "1"),
    ("delivery.ratio_to_redis_w256", AT_LEAST, 8, "1"),
    ("delivery.latency_median_us", AT_MOST, 50, "us"),
    ("delivery.latency_p999_us", AT_MOST, 1000, "us"),
    ("delivery.latency_beside_hostile_ratio", AT_MOST, 1.2, "1"),
    ("delivery.latency_beside_handshakes_ratio", AT_MOST, 1.5, "1"),
    ("delivery.storm_seconds", AT_MOST, 3, "s"),
    ("delivery.storm_heartbeats_lost", AT_MOST, 0, "1"),
    ("delivery.snapshot_seconds", AT_MOST, 1.5, "s"),
    ("delivery.roster_seconds", AT_MOST, 15, "s"),
    ("trust.authenticated_heartbeats_per_core", AT_LEAST, 25e6, "1/s"),
    ("trust.warm_restart_seconds", AT_MOST, 2, "s"),
    ("trust.warm_restart_own_seconds", AT_MOST, 0.5, "s"),
]

# The larger server of the arithmetic.
CORES = 32
PORTS = 2
BITS_PER_SECOND = 100e9
WIRE_BYTES = 14 + 20 + 8 + 40 + 4 + 8 + 12  # Ethernet, IPv4, UDP, heartbeat, FCS, preamble, gap
MEMORY_BYTES_PER_SECOND = 8 * 4800e6 * 8  # eight channels of DDR5-4800
FRAME_BYTES = 2 * 64  # the lines of a frame that are written and read
RECORD_BYTES = 2 * 64  # its record's line, read and written back
INDEX_BYTES = 64


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def kept(block):
    """The hand-written cell and the last figure of each row of the table as it stands."""
    out = {}
    for line in block.splitlines():
        columns = cells(line)
        if len(columns) == 4 and columns[0].startswith("`"):
            out[columns[0].strip("`")] = (columns[2], columns[3])
    return out


def targets_block(figures, block):
    before = kept(block)
    lines = ["| figure | wanted | reached | how, or why not |", "|---|---|---|---|"]
    for name, way, much, unit in TARGETS:
        reached, note = before.get(name, ("", ""))
        if name in figures:
            value = figures[name][0]
            met = value >= much if way == AT_LEAST else value <= much
            reached = in_words(value, unit) + ("" if met else " ✗")
        lines.append(f"| `{name}` | {way} {in_words(much, unit)} | {reached} | {note} |")
    return "\n".join(lines)


def others_block(figures, block):
    with_target = {name for name, *_ in TARGETS}
    rows = {name.strip("`"): value for name, value in
            (cells(line) for line in block.splitlines() if line.startswith("| `"))}
    rows |= {name: in_words(*row) for name, row in figures.items()}
    return "\n".join(["| figure | value |", "|---|---|"]
                     + [f"| `{name}` | {value} |" for name, value in sorted(rows.items())
                        if name not in with_target])


def server_block(figures, block):
    names = [f"pipeline.heartbeats_per_core_100m{how}" for how in ("", "_handle")]
    if any(name not in figures for name in [*names, "scale.two_workers_crossed_over_one"]):
        return block.strip("\n")
    share = figures["scale.two_workers_crossed_over_one"][0] / 2
    wire = PORTS * BITS_PER_SECOND / 8 / WIRE_BYTES
    lines = ["| resource | has | a heartbeat takes | ends at, by index | by handle |",
             "|---|---|---|---|---|",
             f"| wire, {PORTS} × {BITS_PER_SECOND / 1e9:.0f} GbE | {PORTS * BITS_PER_SECOND / 8e9:.3g} "
             f"GB/s | {WIRE_BYTES} B | **{wire / 1e6:.0f} M/s** | **{wire / 1e6:.0f} M/s** |"]
    cores = [CORES * figures[name][0] * share for name in names]
    needed = [math.ceil(wire / (figures[name][0] * share)) for name in names]
    lines.append(f"| cores | {CORES} | {in_words(*figures[names[0]])} each by index, "
                 f"{in_words(*figures[names[1]])} by handle, times {min(share, 1):.2f} where all stamp all's "
                 f"| {cores[0] / 1e6:.0f} M/s | {cores[1] / 1e6:.0f} M/s |")
    touched = [FRAME_BYTES + RECORD_BYTES + INDEX_BYTES, FRAME_BYTES + RECORD_BYTES]
    memory = [MEMORY_BYTES_PER_SECOND / 2 / each for each in touched]
    lines.append(f"| memory, half of 8 × DDR5-4800 | {MEMORY_BYTES_PER_SECOND / 2e9:.0f} GB/s | "
                 f"{touched[0]} B by index, {touched[1]} B by handle | {memory[0] / 1e6:.0f} M/s | "
                 f"{memory[1] / 1e6:.0f} M/s |")
    lines += ["", f"The wire ends first: {wire / 1e6:.0f} million heartbeats a second keep {needed[0]} of "
              f"{CORES} cores busy by the index, {needed[1]} by handle. That is as many endpoints at one "
              f"heartbeat a second, in {wire * 64 / 1e9:.0f} GB at 64 bytes each."]
    return "\n".join(lines)


BLOCKS = {"targets": targets_block, "others": others_block, "server": server_block}


def main(path):
    figures = read_figures(path)
    page = PAGE.read_text(encoding="utf-8")
    for name, write in BLOCKS.items():
        begin, end = f"<!-- {name}: bench/table.py -->\n", f"\n<!-- end of {name} -->"
        found = re.search(re.escape(begin) + "(.*?)" + re.escape(end), page, re.S)
        if not found:
            sys.exit(f"{PAGE}: needed the marks of the block {name!r}, found none")
        page = page[:found.start(1)] + write(figures, found.group(1)) + page[found.end(1):]
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: table.py FIGURES")
    main(sys.argv[1])
