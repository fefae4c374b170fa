#include "bench/generator/run_clock.h"

#include <cerrno>
#include <limits>
#include <time.h>

namespace flatline::generator {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t Read(clockid_t clock) noexcept {
  timespec at{};
  clock_gettime(clock, &at);
  return at.tv_sec * kSecond + at.tv_nsec;
}

// Wall minus monotonic, from the tightest of a few readings of one between two of the other.
std::int64_t WallOffset() noexcept {
  std::int64_t best_width = std::numeric_limits<std::int64_t>::max();
  std::int64_t best = 0;
  for (int i = 0; i < 16; ++i) {
    const std::int64_t before = Read(CLOCK_MONOTONIC);
    const std::int64_t wall = Read(CLOCK_REALTIME);
    const std::int64_t after = Read(CLOCK_MONOTONIC);
    if (after - before < best_width) {
      best_width = after - before;
      best = wall - before - (after - before) / 2;
    }
  }
  return best;
}

}  // namespace

RunClock::RunClock(Duration lead) noexcept
    : start_ns_(Read(CLOCK_MONOTONIC) + lead.count()), epoch_ns_(start_ns_ + WallOffset()) {}

Elapsed RunClock::Now() const noexcept {
  return Elapsed{Read(CLOCK_MONOTONIC) - start_ns_};
}

Duration RunClock::Drift() const noexcept {
  return Duration{start_ns_ + WallOffset() - epoch_ns_};
}

void RunClock::SleepUntil(Elapsed at) const noexcept {
  const std::int64_t until = start_ns_ + at.count();
  const timespec request{until / kSecond, until % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &request, nullptr) == EINTR) {
  }
}

}  // namespace flatline::generator
