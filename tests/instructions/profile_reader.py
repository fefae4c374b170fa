"""Reads what callgrind wrote: instructions of each function, its own and with those it called.
Written for `--compress-strings=no --compress-pos=no`, one event, no line or instruction numbers
needed. Recursion would count a function's callees twice; the dataplane has none."""

import re

# "a::b(c)'2" is a clone for callgrind's own book-keeping
_CLONE = re.compile(r"'\d+$|\.(?:constprop|isra|part|cold)(?:\.\d+)*$")


def _name(text):
    return _CLONE.sub("", text.strip())


def read_profile(lines):
    """{function: (own, inclusive)} of a callgrind.out file."""
    own, called = {}, {}
    function, is_call = None, False
    for line in lines:
        if line.startswith("fn="):
            function = _name(line[3:])
            own.setdefault(function, 0)
        elif line.startswith("calls="):
            is_call = True
        elif function and re.match(r"[+\-*\d]", line):
            fields = line.split()
            cost = int(fields[1]) if len(fields) > 1 else 0
            book = called if is_call else own
            book[function] = book.get(function, 0) + cost
            is_call = False
    return {name: (cost, cost + called.get(name, 0)) for name, cost in own.items()}
