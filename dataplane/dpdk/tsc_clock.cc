#include "dataplane/dpdk/tsc_clock.h"

#include <flatline/check.h>

#include <algorithm>
#include <cpuid.h>
#include <ctime>

#include <rte_cycles.h>
#include <rte_pause.h>

namespace flatline::dpdk {
namespace {

constexpr Duration kFirstMeasurement{2'000'000};

Instant KernelNow() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant{Duration{std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec}};
}

// Whether the counter ticks at one rate in every power state, as the processor says it.
bool CounterIsInvariant() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1U << 8)) != 0;
}

// The tightest of three, so that a reading torn by an interrupt is not believed.
ClockSample TakeSample() noexcept {
  ClockSample best;
  std::uint64_t tightest = UINT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t before = rte_rdtsc_precise();
    const Instant at = KernelNow();
    const std::uint64_t after = rte_rdtsc_precise();
    if (after - before < tightest) {
      tightest = after - before;
      best = {before + tightest / 2, at};
    }
  }
  return best;
}

}  // namespace

void TickScale::Anchor(const ClockSample& sample) noexcept {
  if (sample.ticks <= anchor_.ticks || sample.at <= anchor_.at) {
    return;
  }
  if (middle_.ticks == 0) {
    middle_ = sample;
  }
  if (sample.at - middle_.at >= kRateWindow / 2) {
    origin_ = middle_;
    middle_ = sample;
  }
  FLATLINE_CHECK(sample.ticks > origin_.ticks);
  const auto elapsed = static_cast<Wide>((sample.at - origin_.at).count());
  rate_ = static_cast<std::uint64_t>((elapsed << kRateShift) / (sample.ticks - origin_.ticks));
  anchor_ = sample;
}

std::uint64_t TickScale::TicksIn(Duration time) const noexcept {
  const auto scaled = static_cast<Wide>(time.count()) << kRateShift;
  return rate_ == 0 ? 0 : static_cast<std::uint64_t>(scaled / rate_);
}

TscClock::TscClock() : reads_counter_(CounterIsInvariant()), scale_(TakeSample()) {
  if (!reads_counter_) {
    return;
  }
  for (const Instant begin = KernelNow(); KernelNow() - begin < kFirstMeasurement;) {
    rte_pause();
  }
  Renew();
}

void TscClock::Renew() noexcept {
  scale_.Anchor(TakeSample());
  longest_stretch_ = scale_.TicksIn(kLongestStretch);
}

Instant TscClock::Now() noexcept {
  if (!reads_counter_) {
    return KernelNow();
  }
  std::uint64_t ticks = rte_rdtsc();
  if (ticks - scale_.anchored_at() > longest_stretch_) [[unlikely]] {
    Renew();
    ticks = std::max(rte_rdtsc(), scale_.anchored_at());
  }
  last_ = std::max(last_, scale_.At(ticks));
  return last_;
}

}  // namespace flatline::dpdk
