// What makes the detector deaf for a while, as a report: who could not hear, from when to when, and
// why. Made by a worker whose turn took too long, by the watch over the ports, and at adoption;
// taken by the leader's hearing clock. Pure values; times are monotonic.
#pragma once

#include "dataplane/spsc_ring.h"

#include <flatline/liveness.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>

namespace flatline {

inline constexpr std::uint8_t kAllPorts = 0xFF;

struct BlindReport {
  Instant from{};
  Instant to{};
  Reason reason = Reason::kNone;
  std::uint8_t port = kAllPorts;
};

using BlindReports = SpscRing<BlindReport>;

// A reporter may be this many reports ahead of the leader; then it joins them into one.
inline constexpr std::size_t kBlindReports = 256;

// The producer's end. Where the ring is full the report is kept and grows, and nothing may be
// vouched for (a worker's drained_ns, say) until Flush has said that it is in.
class BlindReporter {
 public:
  explicit BlindReporter(BlindReports& ring) noexcept : ring_(&ring) {}

  // True when this report and all before it are with the leader.
  bool Report(const BlindReport& report) noexcept {
    if (!Flush()) {
      kept_.from = report.from < kept_.from ? report.from : kept_.from;
      kept_.to = report.to > kept_.to ? report.to : kept_.to;
      return false;
    }
    kept_ = report;
    keeps_ = true;
    return Flush();
  }

  bool Flush() noexcept {
    if (keeps_ && ring_->TryPush(kept_)) {
      keeps_ = false;
    }
    return !keeps_;
  }

 private:
  BlindReports* ring_;
  BlindReport kept_{};
  bool keeps_ = false;
};

}  // namespace flatline
