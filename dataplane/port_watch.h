// What is known of the ports apart from their frames: links that are down and frames that the
// device counted as missed. Written by one thread (the dataplane's main, which polls the devices),
// read by the leader each turn. Say what the last poll found, as often as you like: saying the same
// again costs nothing, and carries over what the leader had no room for. Blindness begins at the
// last instant at which all was known to be well, so that errs on the side of waiting.
#pragma once

#include "dataplane/blindness.h"

#include <flatline/endpoint.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace flatline {

class PortWatch {
 public:
  PortWatch() = default;
  PortWatch(const PortWatch&) = delete;
  PortWatch& operator=(const PortWatch&) = delete;

  // The device counted frames that it could not deliver, some time in [since, until]: `since` is
  // the poll before, which found none.
  void ReportMissed(std::uint8_t port, Instant since, Instant until) noexcept;

  // The port has no link; it was last known to have one at `at` (at start: now). While any port
  // has none, the hearing clock stands still.
  void LinkDown(std::uint8_t port, Instant at) noexcept;

  // The port has a link, as of `at`.
  void LinkUp(std::uint8_t port, Instant at) noexcept;

  // Leader only.

  // Since when each port is deaf, in monotonic nanoseconds; 0 while it hears.
  [[nodiscard]] std::int64_t DeafSince(std::size_t port) const noexcept {
    return deaf_since_[port].load(std::memory_order_acquire);
  }

  [[nodiscard]] BlindReports& reports() noexcept { return reports_; }

 private:
  BlindReports reports_{kBlindReports};
  BlindReporter reporter_{reports_};
  std::array<std::atomic<std::int64_t>, kMaxPorts> deaf_since_{};
};

}  // namespace flatline
