#!/usr/bin/env python3
"""`checked_copy.py HEADER COPY`: a header of the product as it is, but for its atomics, which become
those of checked_atomic.h, and its entries, which become cells that know data races. What is
replaced must be there, so that a header that changed is not checked in vain.
`checked_copy.py --holds FILE TEXT...` fails where a file no longer says what a test says after it.
"""

import pathlib
import re
import sys

OWN = '#include "tests/interleaving/checked_atomic.h"\n'
# What each header has besides its atomics.
ENTRIES = {
    "spsc_ring.h": [("  static_assert(std::is_trivially_copyable_v<T>);\n", "")],
    "transition_ring.h": [
        ("#include <flatline/transition.h>\n",
         OWN + "namespace flatline {\nusing Transition = checked::Cell;\n}\n"),
        ("static_assert(std::atomic<std::uint64_t>::is_always_lock_free);\n", ""),
    ],
    "command_ring.h": [
        ("  static_assert(std::is_trivially_copyable_v<T>);\n", ""),
        ("#include <flatline/transition_ring.h>\n", '#include "checked_transition_ring.h"\n'),
    ],
}


def checked(name, text):
    for there, instead in ENTRIES[name]:
        if text.count(there) != 1:
            sys.exit(f"{name}: needed once, found {text.count(there)} times: {there}")
        text = text.replace(there, instead)
    if text.count("#include <atomic>\n") != 1:
        sys.exit(f"{name}: needed #include <atomic>")
    text = text.replace("#include <atomic>\n", OWN)
    return re.sub(r"\bstd::atomic<", "checked::Atomic<", text)


def main(arguments):
    if arguments[0] == "--holds":
        said = " ".join(pathlib.Path(arguments[1]).read_text().split())
        for text in arguments[2:]:
            if text not in said:
                sys.exit(f"{arguments[1]}: needed '{text}', which every_interleaving_test.cc says "
                         "after it; mend both")
        return
    header, copy = map(pathlib.Path, arguments)
    copy.write_text(checked(header.name, header.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
