"""How a test of the appliance ends: a file whose every test was skipped exits with 77, which meson
counts as skipped; the reason of each skip is printed.
"""

import os
import sys
import unittest

from network import Namespace

SKIPPED = 77


def needs_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root: namespaces and devices are made")


def namespaces(count):
    """That many fresh network namespaces, or a skip where the kernel grants none."""
    needs_root()
    out = []
    try:
        for _ in range(count):
            out.append(Namespace())
    except OSError as error:
        for namespace in out:
            namespace.close()
        raise unittest.SkipTest(f"needs network namespaces: {error}") from None
    return out


def linked(test, *addresses):
    """Our namespace and theirs for this test, joined by a veth pair whose ends are called veth0;
    theirs has these addresses."""
    ours, theirs = namespaces(2)
    test.addCleanup(ours.close)
    test.addCleanup(theirs.close)
    ours.join_by_veth(theirs)
    theirs.address("veth0", *addresses)
    return ours, theirs


def run():
    outcome = unittest.main(exit=False, verbosity=2).result
    for test, reason in outcome.skipped:
        print(f"skipped: {test.id()}: {reason}")
    if not outcome.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if outcome.testsRun and len(outcome.skipped) == outcome.testsRun else 0)
