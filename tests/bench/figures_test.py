#!/usr/bin/env python3
"""bench/figures.py with invented benchmarks: who is run for a prefix, what is printed, what is left
out and what that does to the exit status; and the page that bench/table.py writes.
"""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import figures  # noqa: E402
import figures_file  # noqa: E402
import table  # noqa: E402


class FiguresTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.benches = []
        for name, value in (("BENCH", pathlib.Path(self._directory.name)), ("BENCHES", self.benches),
                            ("RATIOS", {"us.ratio": ("us.rate", "them.rate")})):
            patched = mock.patch.object(figures, name, value)
            patched.start()
            self.addCleanup(patched.stop)

    def bench(self, name, names, text, **more):
        path = pathlib.Path(self._directory.name, name)
        path.write_text(text)
        self.benches.append(figures.Bench(name, names, **more))

    def run_for(self, prefix):
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            status = figures.main(prefix)
        return status, out.getvalue().splitlines(), errors.getvalue()

    def us_and_them(self, **more):
        self.bench("us.py", ("us.rate",), "print('us.rate 30 1/s\\nsome words\\nus.rate_b 7 1/s')")
        self.bench("them.py", ("them.",), "print('them.rate 4 1/s\\nthem.size 9 B')", **more)

    def test_prints_rows_and_nothing_else(self):
        self.us_and_them()
        self.assertEqual(self.run_for("us.rate_"), (0, ["us.rate_b 7 1/s"], ""))

    def test_a_ratio_has_both_its_rows_measured_and_shown(self):
        self.us_and_them()
        self.assertEqual(self.run_for("us.ratio"),
                         (0, ["us.rate 30 1/s", "them.rate 4 1/s", "us.ratio 7.5 1"], ""))

    def test_without_a_prefix_everything_is_run(self):
        self.us_and_them()
        status, rows, _ = self.run_for("")
        self.assertEqual(status, 0)
        self.assertEqual(rows, ["us.rate 30 1/s", "us.rate_b 7 1/s", "them.rate 4 1/s",
                                "us.ratio 7.5 1", "them.size 9 B"])

    def test_a_missing_peer_is_named_and_fails_only_who_asked(self):
        self.us_and_them(peers=("no-such-server",))
        status, rows, errors = self.run_for("")
        self.assertEqual((status, rows), (0, ["us.rate 30 1/s", "us.rate_b 7 1/s"]))
        self.assertIn("them.* left out: needed `./run setup --peers` for no-such-server", errors)
        self.assertEqual(self.run_for("them.")[0], 1)

    def test_who_cannot_run_here_is_left_out(self):
        self.bench("two_cores.py", ("two.",), "raise SystemExit(77)")
        self.us_and_them()
        self.assertEqual(self.run_for("")[0], 0)
        self.assertEqual(self.run_for("two.")[0], 1)

    def test_a_failure_fails_and_the_others_are_run(self):
        self.bench("broken.py", ("broken.",), "print('broken.half 1 1'); raise SystemExit(3)")
        self.us_and_them()
        status, rows, errors = self.run_for("")
        self.assertEqual(status, 1)
        self.assertIn("us.ratio 7.5 1", rows)
        self.assertIn("broken.py ended with 3", errors)

    def test_who_takes_too_long_is_stopped(self):
        self.bench("slow.py", ("slow.",), "import time\ntime.sleep(60)", seconds=0.2)
        status, _, errors = self.run_for("slow.")
        self.assertEqual(status, 1)
        self.assertIn("slow.py ended with -15", errors)

    def test_a_prefix_of_nothing_is_an_error(self):
        self.us_and_them()
        status, rows, errors = self.run_for("nothing")
        self.assertEqual((status, rows), (1, []))
        self.assertIn("try them, us", errors)


class TableTest(unittest.TestCase):
    ROW = "redis.ratio"

    def test_a_target_is_held_against_its_figure_and_the_note_stays(self):
        block = f"| `{self.ROW}` | at least 50 | 99 | by hand |"
        for value, reached in ((49.0, "49 ✗"), (50.0, "50")):
            written = table.targets_block({self.ROW: (value, "1")}, block)
            self.assertIn(f"| `{self.ROW}` | at least 50 | {reached} | by hand |", written)

    def test_what_was_not_measured_stays(self):
        block = f"| `{self.ROW}` | at least 50 | 99 | by hand |"
        self.assertIn(block, table.targets_block({}, block))
        self.assertIn("| `scale.x` | 3 |", table.others_block({}, "| `scale.x` | 3 |"))

    def test_the_page_has_the_marks_of_every_block(self):
        page = table.PAGE.read_text(encoding="utf-8")
        for name in table.BLOCKS:
            self.assertIn(f"<!-- {name}: bench/table.py -->\n", page)
            self.assertIn(f"\n<!-- end of {name} -->", page)

    def test_a_figure_in_words(self):
        for value, unit, words in ((24.63e6, "1/s", "24.6 M/s"), (64.09, "B", "64.1 B"),
                                   (2.347, "1", "2.35"), (1e7, "1", "10,000,000")):
            self.assertEqual(figures_file.in_words(value, unit), words)


if __name__ == "__main__":
    unittest.main()
