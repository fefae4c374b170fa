// A sink at work: subscribes by its cursor, behind what was taken last, and hands on what it hears
// until it is told to stop. The loop reads the clock, waits and logs; what is done when is the
// forwarder's. One thread. Blocks for a fifth of a second at most without looking at `stop`, and
// for as long as the sink itself takes.
#pragma once

#include "control/sinks/options.h"

#include <atomic>
#include <expected>
#include <string>

namespace flatline::sinks {

// An error where going on is of no use: no such address, a request refused, a position that cannot
// be kept.
[[nodiscard]] std::expected<void, std::string> RunSink(SinkOptions options,
                                                       const std::atomic<bool>& stop);

}  // namespace flatline::sinks
