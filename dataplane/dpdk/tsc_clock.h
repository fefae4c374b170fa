// CLOCK_MONOTONIC, read from the processor's time-stamp counter: one counter read and one
// multiplication a turn, set right against the kernel's clock every few milliseconds.
// One per thread, read by that thread only. Never steps back. Assumes a counter of constant rate;
// without one (ReadsCounter() is false) the kernel's clock is asked each time.
// Bounds: extrapolates at most kLongestStretch; the rate is measured against the kernel's clock,
// not taken from DPDK, which rounds it to 10 MHz. So it errs by well under 1 µs.
// Cost: about 10 ns; one kernel clock reading (vDSO) every kLongestStretch.
#pragma once

#include <flatline/time.h>

#include <cstdint>

namespace flatline::dpdk {

__extension__ using Wide = unsigned __int128;  // for the products below

// The two clocks, read together.
struct ClockSample {
  std::uint64_t ticks = 0;
  Instant at{};
};

// The arithmetic, with no clock in it.
class TickScale {
 public:
  explicit TickScale(const ClockSample& first) noexcept : origin_(first), anchor_(first) {}

  // Anchors to a later sample, and measures the rate over as long a time as is at hand, up to
  // kRateWindow, so that noise in one sample does not matter and slow changes of rate are followed.
  void Anchor(const ClockSample& sample) noexcept;

  // `ticks` not before the last anchor.
  [[nodiscard]] Instant At(std::uint64_t ticks) const noexcept {
    const auto stretch = static_cast<Wide>(ticks - anchor_.ticks) * rate_;
    return anchor_.at + Duration{static_cast<std::int64_t>(stretch >> kRateShift)};
  }

  // In ticks, at the rate known.
  [[nodiscard]] std::uint64_t TicksIn(Duration time) const noexcept;

  [[nodiscard]] std::uint64_t anchored_at() const noexcept { return anchor_.ticks; }

  static constexpr Duration kRateWindow{1'000'000'000};

 private:
  static constexpr int kRateShift = 32;

  ClockSample origin_;  // from where the rate is measured
  ClockSample middle_;  // where the next origin will be
  ClockSample anchor_;
  std::uint64_t rate_ = 0;  // ns a tick, times 2^kRateShift
};

class TscClock {
 public:
  static constexpr Duration kLongestStretch{5'000'000};

  // Takes about 2 ms, to measure the rate.
  TscClock();

  [[nodiscard]] Instant Now() noexcept;

  [[nodiscard]] bool reads_counter() const noexcept { return reads_counter_; }

 private:
  void Renew() noexcept;

  bool reads_counter_;
  TickScale scale_;
  std::uint64_t longest_stretch_ = 0;  // in ticks
  Instant last_{};                     // returned
};

}  // namespace flatline::dpdk
