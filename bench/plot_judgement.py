#!/usr/bin/env python3
"""Draws what each detector trades, from what judgement_bench printed: `judgement_bench > f;
bench/plot_judgement.py f` writes bench/judgement.svg. Mistakes over mean detection time, the scale of
mistakes logarithmic; one panel for the mixed fleet, one for a uniform one. Nothing beyond Python.
"""

import math
import pathlib
import sys

from plot import BOTTOM, FAINT, TOP, Drawing

OUT = pathlib.Path(__file__).resolve().parent / "judgement.svg"
COLOURS = {"fixed": "#4a5568", "phi": "#2b6cb0", "chen": "#c05621"}
PANELS = {"mixed": (60, 410, "mixed fleet"), "gilbert_elliott": (490, 840, "uniform, lossy in bursts")}
SECONDS = 7  # where the axis ends
DECADES = (-2, 3)  # of mistakes an endpoint and hour


def read_curves(path):
    curves = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if len(words) == 5 and words[0] == "curve":
                curves.setdefault((words[1], words[2]), []).append((float(words[3]), float(words[4])))
    if not curves:
        sys.exit(f"{path}: needed lines `curve FLEET DETECTOR SECONDS MISTAKES`, found none")
    return curves


def height(mistakes):
    low, high = DECADES
    return BOTTOM - (BOTTOM - TOP) * (math.log10(mistakes) - low) / (high - low)


def draw_panel(drawing, left, right, words, curves):
    drawing.text(left, TOP - 14, f"mistakes an endpoint and hour: {words}", "start", font_size=13)
    for decade in range(DECADES[0], DECADES[1] + 1):
        y = height(10 ** decade)
        drawing.line([(left, y), (right, y)], FAINT)
        drawing.text(left - 8, y + 4, f"{10 ** decade:g}", "end")
    for second in range(SECONDS + 1):
        drawing.text(left + (right - left) * second / SECONDS, BOTTOM + 18, str(second))
    drawing.text((left + right) / 2, BOTTOM + 38, "mean detection time, s")
    for place, (detector, colour) in enumerate(COLOURS.items()):
        points = [(left + (right - left) * seconds / SECONDS, height(mistakes))
                  for seconds, mistakes in sorted(curves.get(detector, []))
                  if seconds <= SECONDS and 10 ** DECADES[0] <= mistakes <= 10 ** DECADES[1]]
        drawing.line(points, colour, 2)
        for x, y in points:
            drawing.dot(x, y, colour)
        drawing.text(right - 10, TOP + 16 + 16 * place, detector, "end", fill=colour)


def main(path):
    curves = read_curves(path)
    drawing = Drawing()
    for fleet, (left, right, words) in PANELS.items():
        draw_panel(drawing, left, right, words,
                   {detector: points for (of, detector), points in curves.items() if of == fleet})
    OUT.write_text(drawing.end(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
