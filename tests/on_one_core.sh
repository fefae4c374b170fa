#!/bin/sh
# COMMAND...: on one core, where it uses TBB, which then makes no threads: its library is not built
# for ThreadSanitizer, which would take what it hands over for races.
ldd "$1" 2>/dev/null | grep -q libtbb || exec "$@"
# One of those that we may run on: 0-3,8 as a line for each.
core=$(taskset --cpu-list --pid $$ | sed 's/.*: //' | tr ',' '\n' | sed 's/-/ /' |
  while read -r first last; do seq "$first" "${last:-$first}"; done | shuf -n 1)
exec taskset --cpu-list "$core" "$@"
