#!/bin/sh
# COMMAND...: on one core. TBB then makes no threads: its library is not built for ThreadSanitizer,
# which would take what it hands over for races.
exec taskset --cpu-list $(($$ % $(nproc --all))) "$@"
