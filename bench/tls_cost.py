#!/usr/bin/env python3
"""delivery.tls_cost_ratio_*: processor time of control for each transition delivered over TLS 1.3,
over that in the clear, to a hundred subscribers over loopback, 1, 16 and 256 at a time. The two take
turns; each ratio is the median of ROUNDS, and the least and the most are printed too.

`tls_cost.py [SUBSCRIBERS [SECONDS [ROUNDS]]]`
"""

import pathlib
import signal
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from fan_out import WINDOWS, measure  # noqa: E402

ROUNDS = 5


def main(subscribers, seconds, rounds):
    for window in WINDOWS:
        ratios, rates = [], {"flatline": [], "tls": []}
        for _ in range(rounds):
            for kind, rate in rates.items():
                rate.append(measure(kind, subscribers, window, seconds))
            ratios.append(rates["flatline"][-1] / rates["tls"][-1])
        name = f"delivery.tls_cost_ratio_w{window}"
        print(f"delivery.tls_per_core_second_w{window} {statistics.median(rates['tls']):.4g} 1/s")
        print(f"{name} {statistics.median(ratios):.3g} 1")
        print(f"{name}_least {min(ratios):.3g} 1")
        print(f"{name}_most {max(ratios):.3g} 1", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is taken down
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100,
         float(sys.argv[2]) if len(sys.argv) > 2 else 2,
         int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS)
