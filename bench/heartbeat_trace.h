// The heartbeats of one endpoint as they arrive, over a link that delays and loses: made from a
// seed, a heartbeat at a time, so that a trace of a million endpoints needs no memory and is the
// same each time. Time is in seconds from the first round.
#pragma once

#include <cstdint>

namespace flatline {

struct Link {
  double jitter = 0;  // each heartbeat is late by up to this share of an interval, uniformly
  double loss = 0;
  double burst = 1;  // losses in a row on average (Gilbert–Elliott); 1: independent (Bernoulli)
};

class HeartbeatTrace {
 public:
  HeartbeatTrace(const Link& link, std::uint64_t seed) noexcept
      : link_(link),
        random_(seed * 0xD1342543DE82EF95ULL + 1),
        stays_bad_(link.burst > 1 ? 1 - 1 / link.burst : link.loss),
        turns_bad_(link.burst > 1 ? link.loss / (1 - link.loss) / link.burst : link.loss),
        phase_(Uniform()) {}

  // Goes on to the next round.
  void Next() noexcept {
    ++round_;
    is_lost_ = Uniform() < (is_lost_ ? stays_bad_ : turns_bad_);
    arrival_ = left() + link_.jitter * Uniform();
  }

  [[nodiscard]] bool is_lost() const noexcept { return is_lost_; }

  [[nodiscard]] std::uint32_t round() const noexcept { return round_; }

  [[nodiscard]] double left() const noexcept { return phase_ + round_; }

  [[nodiscard]] double arrival() const noexcept { return arrival_; }

  // From 0 to 1.
  double Uniform() noexcept { return static_cast<double>(Draw() >> 11) * 0x1p-53; }

 private:
  // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
  std::uint64_t Draw() noexcept {
    std::uint64_t z = random_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  Link link_;
  std::uint64_t random_;
  double stays_bad_;
  double turns_bad_;
  double phase_;
  std::uint32_t round_ = 0;
  bool is_lost_ = false;
  double arrival_ = 0;
};

}  // namespace flatline
