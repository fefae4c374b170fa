#include "dataplane/port_watch.h"

#include <flatline/check.h>

namespace flatline {

void PortWatch::ReportMissed(std::uint8_t port, Instant since, Instant until) noexcept {
  FLATLINE_CHECK(port < kMaxPorts && since <= until);
  reporter_.Report({.from = since, .to = until, .reason = Reason::kFramesMissed, .port = port});
}

void PortWatch::LinkDown(std::uint8_t port, Instant at) noexcept {
  FLATLINE_CHECK(port < kMaxPorts);
  if (deaf_since_[port].load(std::memory_order_relaxed) == 0) {
    deaf_since_[port].store(at.time_since_epoch().count(), std::memory_order_release);
  }
}

void PortWatch::LinkUp(std::uint8_t port, Instant at) noexcept {
  FLATLINE_CHECK(port < kMaxPorts);
  const std::int64_t since = deaf_since_[port].load(std::memory_order_relaxed);
  if (since == 0) {
    reporter_.Flush();
    return;
  }
  // The interval first, then the all-clear: the leader, who reads them the other way round, may
  // see both, which counts once, but never neither.
  const BlindReport interval{
      .from = Instant{Duration{since}}, .to = at, .reason = Reason::kLinkDown, .port = port};
  if (reporter_.Report(interval)) {
    deaf_since_[port].store(0, std::memory_order_release);
  }
}

}  // namespace flatline
