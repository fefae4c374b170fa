#!/usr/bin/env python3
"""Each public header compiles alone, in C++ and, where it serves C, in C11:
`headers_alone.py ROOT C++ C` prints the compiler's words on each that does not, and fails then.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import subprocess
import sys

FOR_C = {"agent.h"}
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]


@dataclasses.dataclass
class Compilers:
    cpp: str
    c: str


def _compile(command, header, root):
    # included twice from a file of its own: a header on the command line is "once" by nature
    text = f"#include <flatline/{header}>\n" * 2
    ran = subprocess.run([*command, *WARNINGS, "-I", os.path.join(root, "include"), "-"],
                         input=text, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else f"{header} does not compile alone:\n{ran.stderr}"


def check(root, compilers):
    """What the compiler says of each header that fails."""
    headers = sorted(path.name for path in pathlib.Path(root, "include/flatline").glob("*.h"))
    jobs = [([compilers.cpp, "-std=c++23", "-x", "c++"], header) for header in headers]
    jobs += [([compilers.c, "-std=c11", "-pedantic", "-x", "c"], header)
             for header in headers if header in FOR_C]
    if not jobs:
        return [f"{root}: no public headers"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        told = pool.map(lambda job: _compile(*job, root), jobs)
    return [text for text in told if text]


if __name__ == "__main__":
    COMPLAINTS = check(sys.argv[1], Compilers(cpp=sys.argv[2], c=sys.argv[3]))
    print("\n".join(COMPLAINTS))
    sys.exit(1 if COMPLAINTS else 0)
