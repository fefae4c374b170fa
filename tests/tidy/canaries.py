#!/usr/bin/env python3
"""A canary for each house rule: a small tree that breaks this rule and no other. The rule must
sing, and the same tree without the offence must be silent; a rule that cannot fail checks nothing.
"""

import pathlib
import sys
import tempfile
import unittest

import headers_alone
import house_rules
from source_tree import read_tree

HEADER = "// A thing, for tests.\n#pragma once\n"
CLEAN = {
    "dataplane/README.md": "# dataplane\n",
    "control/README.md": "# control\n",
    "include/README.md": "# include\n",
    "include/flatline/time.h": HEADER,
    "dataplane/packet.h": HEADER + "#include <flatline/time.h>\n",
    "dataplane/detector.h": HEADER,
    "control/journal.h": HEADER + "#include <flatline/time.h>\n",
}
# rule: offences, each a file that is put into the clean tree
OFFENCES = {
    "planes_stay_apart": [
        ("dataplane/turn.h", HEADER + '#include "control/journal.h"\n'),
        ("control/reader.h", HEADER + '#include "dataplane/packet.h"\n'),
        ("include/flatline/region.h", HEADER + '#include "dataplane/packet.h"\n'),
    ],
    "stages_point_one_way": [
        ("dataplane/packet.h", HEADER + '#include "dataplane/detector.h"\n'),
    ],
    "device_words_stay_home": [
        ("dataplane/turn.cc", "int n = rte_lcore_count();\n"),
        ("control/server.cc", "#include <liburing.h>\n"),
        ("control/server.h", HEADER + "struct io_uring;\n"),
    ],
    "files_are_short": [
        ("control/long.cc", "\n" * 501),
        ("control/main.cc", "\n" * 81),
    ],
    "names_say_something": [
        ("control/common.h", HEADER),
        ("control/string_util.h", HEADER),
        ("control/misc/thing.h", HEADER),
    ],
    "top_level_is_fixed": [("docs/manual.md", "text\n"), ("notes.txt", "text\n")],
    "headers_introduce_themselves": [
        ("control/thing.h", "#pragma once\n// A thing.\n"),
        ("control/thing.h", "// A thing.\n"),
    ],
    "nothing_is_put_off": [("control/thing.cc", "// TODO: all of it\n")],
    "folders_have_a_chapter": [("bench/x_bench.cc", "int x;\n")],
    "unit_tests_do_not_sleep": [
        ("tests/control/x_test.cc", "void F() { std::this_thread::sleep_for(kLong); }\n"),
    ],
}


def complaints_of(files):
    with tempfile.TemporaryDirectory(prefix="flatline-canary-") as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        tree = read_tree(root)
        return {rule.__name__: list(rule(tree)) for rule in house_rules.RULES}


class Canaries(unittest.TestCase):
    def test_clean_tree_is_silent(self):
        self.assertEqual([], [text for texts in complaints_of(CLEAN).values() for text in texts])

    def test_each_rule_has_a_canary(self):
        self.assertEqual({rule.__name__ for rule in house_rules.RULES}, set(OFFENCES))

    def test_each_canary_sings(self):
        for rule, offences in OFFENCES.items():
            for name, text in offences:
                with self.subTest(rule=rule, offence=name):
                    self.assertTrue(complaints_of(CLEAN | {name: text})[rule])

    def test_median_is_watched(self):
        long = {f"control/part{n}.cc": "\n" * 201 for n in range(9)}
        self.assertTrue(complaints_of(CLEAN | long)["files_are_short"])

    def test_words_in_comments_and_strings_are_free(self):
        text = '// as rte_ring does\nconst char* kName = "io_uring";\n'
        found = complaints_of(CLEAN | {"control/thing.cc": text})
        self.assertEqual([], found["device_words_stay_home"])

    def test_header_that_needs_another_is_found(self):
        with tempfile.TemporaryDirectory(prefix="flatline-canary-") as root:
            public = pathlib.Path(root, "include/flatline")
            public.mkdir(parents=True)
            (public / "whole.h").write_text(HEADER + "#include <cstdint>\nstd::int32_t F();\n")
            self.assertEqual([], headers_alone.check(root, COMPILERS))
            (public / "half.h").write_text(HEADER + "inline std::vector<int> v;\n")
            self.assertEqual(1, len(headers_alone.check(root, COMPILERS)))


if __name__ == "__main__":
    COMPILERS = headers_alone.Compilers(cpp=sys.argv.pop(1), c=sys.argv.pop(1))
    unittest.main(verbosity=1)
