// Kills one endpoint of a fed region after the other, at a rate, whenever it is asked to. For the
// benchmarks of delivery; used by the thread that feeds. Waits where the ring is full. Cost: what
// is due since it was last asked.
#pragma once

#include "bench/fed_region.h"

#include <chrono>
#include <cstdint>

namespace flatline {

class Reaper {
 public:
  Reaper(FedRegion& region, std::int64_t per_second)
      : region_(&region), interval_(std::chrono::nanoseconds(1'000'000'000 / per_second)) {}

  void KillTheDue() {
    for (const auto now = std::chrono::steady_clock::now(); next_ <= now; next_ += interval_) {
      while (!region_->Kill(killed_ % 64 + 1)) {
      }
      ++killed_;
    }
  }

  [[nodiscard]] std::chrono::steady_clock::time_point next() const { return next_; }

 private:
  FedRegion* region_;
  std::chrono::nanoseconds interval_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
  std::uint64_t killed_ = 0;
};

}  // namespace flatline
