"""What `./run figures` printed, read back: {name: (value, unit)}, the last row of a name, in the order
of the file. Used by table.py and plot.py.
"""

import re
import sys


def read_figures(path):
    rows = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            found = re.fullmatch(r"([a-z0-9_.]+) (\S+) (\S+)\n?", line)
            if found:
                rows[found.group(1)] = (float(found.group(2)), found.group(3))
    if not rows:
        sys.exit(f"{path}: needed rows `name value unit` of `./run figures`, found none")
    return rows


def in_words(value, unit):
    """24.6 M/s, 64.1 B, 2.35."""
    if unit == "1/s":
        for least, name in ((1e9, " G/s"), (1e6, " M/s"), (1e3, " k/s")):
            if value >= least:
                return f"{value / least:.3g}{name}"
        return f"{value:.3g}/s"
    if unit == "1":
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"
