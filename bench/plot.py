#!/usr/bin/env python3
"""Draws how cost grows, from what `./run figures` printed: `bench/plot.py f` writes bench/growth.svg.
Left: cycles a heartbeat over the number of endpoints, by the index and by handle. Right: what a
second worker adds. Needs the rows growth.* and scale.*, and nothing beyond Python.
"""

import math
import pathlib
import re
import sys

from figures_file import in_words, read_figures

OUT = pathlib.Path(__file__).resolve().parent / "growth.svg"
WIDTH, HEIGHT = 860, 360
TOP, BOTTOM = 50, 300
LEFT, MIDDLE, RIGHT = 60, 520, 840
BARS = 590  # where the bars begin
INDEX, HANDLE, INK, FAINT = "#2b6cb0", "#c05621", "#4a5568", "#cbd5e0"


class Drawing:
    def __init__(self):
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'font-family="sans-serif" font-size="12" fill="{INK}">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']

    def text(self, x, y, words, anchor="middle", **more):
        style = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{words}</text>')

    def line(self, points, colour, width=1.0):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                           f'stroke-width="{width}"/>')

    def dot(self, x, y, colour):
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def bar(self, x, y, width, colour):
        self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width}" '
                           f'height="{BOTTOM - y:.1f}" fill="{colour}"/>')

    def end(self):
        return "\n".join([*self._parts, "</svg>", ""])


def scale_to(most):
    """A round number at or above, for the top of an axis, and its step."""
    step = 10 ** math.floor(math.log10(most))
    while most / step < 4:
        step /= 2
    return math.ceil(most / step) * step, step


def draw_axis(drawing, left, right, most, step, words):
    value = 0.0
    while value <= most + step / 2:
        y = BOTTOM - (BOTTOM - TOP) * value / most
        drawing.line([(left, y), (right, y)], FAINT)
        drawing.text(left - 8, y + 4, f"{value:g}", "end")
        value += step
    drawing.text(left - 8, TOP - 14, words, "start", font_size=13)


def draw_growth(drawing, figures):
    points = {"": [], "_handle": []}
    for name, (cycles, _) in figures.items():
        found = re.fullmatch(r"growth\.cycles_(\d+)(k|m)(_handle)?", name)
        if found:
            endpoints = int(found.group(1)) * (1000 if found.group(2) == "k" else 1_000_000)
            points[found.group(3) or ""].append((endpoints, cycles))
    if len(points[""]) < 2:
        sys.exit("plot.py: needed rows growth.cycles_…, found fewer than two")
    every = sorted(endpoints for endpoints, _ in points[""])
    low, high = math.log10(every[0]), math.log10(every[-1])
    most, step = scale_to(max(cycles for line in points.values() for _, cycles in line))
    draw_axis(drawing, LEFT, MIDDLE, most, step, "cycles a heartbeat")

    def place(endpoints, cycles):
        return (LEFT + 15 + (MIDDLE - LEFT - 30) * (math.log10(endpoints) - low) / (high - low),
                BOTTOM - (BOTTOM - TOP) * cycles / most)

    for endpoints in every:
        unit = f"{endpoints // 1_000_000} M" if endpoints >= 1_000_000 else f"{endpoints // 1000} k"
        drawing.text(place(endpoints, 0)[0], BOTTOM + 18, unit)
    drawing.text((LEFT + MIDDLE) / 2, BOTTOM + 40, "endpoints, in random order")
    for how, colour, words in (("", INDEX, "by the index"), ("_handle", HANDLE, "by handle")):
        places = [place(*point) for point in sorted(points[how])]
        drawing.line(places, colour, 2)
        for (x, y), (_, cycles) in zip(places, sorted(points[how])):
            drawing.dot(x, y, colour)
            drawing.text(x, y - 9, f"{cycles:.0f}", fill=colour, font_size=11)
        drawing.text(LEFT + 20, BOTTOM - (30 if how else 50), words, "start", fill=colour)


def draw_scale(drawing, figures):
    kinds = (("one_worker", "one"), ("two_workers", "two"), ("two_workers_crossed", "two, crossed"))
    bars = [(how, words, figures.get(f"scale.{name}{how}"))
            for how in ("", "_handle") for name, words in kinds]
    if any(row is None for _, _, row in bars):
        sys.exit("plot.py: needed rows scale.one_worker, two_workers, two_workers_crossed, found fewer")
    most, step = scale_to(max(row[0] for _, _, row in bars) / 1e6)
    draw_axis(drawing, BARS, RIGHT, most, step, "million heartbeats a second")
    width = (RIGHT - BARS) / len(bars) * 0.7
    for i, (how, words, row) in enumerate(bars):
        x = BARS + (RIGHT - BARS) * (i + 0.15) / len(bars)
        y = BOTTOM - (BOTTOM - TOP) * row[0] / 1e6 / most
        drawing.bar(x, y, f"{width:.1f}", HANDLE if how else INDEX)
        drawing.text(x + width / 2, y - 6, in_words(*row).removesuffix(" M/s"), font_size=11)
        for line, word in enumerate(words.split(", ")):
            drawing.text(x + width / 2, BOTTOM + 18 + 13 * line, word, font_size=11)
    drawing.text((BARS + RIGHT) / 2, BOTTOM + 50, "workers over 10 M; crossed: see README")


def main(path):
    figures = read_figures(path)
    drawing = Drawing()
    draw_growth(drawing, figures)
    draw_scale(drawing, figures)
    OUT.write_text(drawing.end(), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: plot.py FIGURES")
    main(sys.argv[1])
