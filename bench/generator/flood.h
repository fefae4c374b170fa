// Plain load: the fleet's heartbeats as fast as the outlet takes them, round after round in a
// shuffled order, and how many were accepted. For benchmarks; keeps no truth. Called in a loop by
// one thread. What is refused is offered again. No allocation after construction.
#pragma once

#include "bench/generator/sender.h"
#include "bench/generator/traffic.h"

#include <cstdint>
#include <vector>

namespace flatline::generator {

class Flood {
 public:
  Flood(const Fleet& fleet, const TrafficOptions& options);

  // Offers one batch; returns how many were accepted.
  std::size_t Step(Elapsed now, Sender& sender);

  [[nodiscard]] std::uint64_t offered() const noexcept { return offered_; }

  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }

 private:
  const Fleet* fleet_;
  TrafficOptions options_;
  Permutation order_;
  std::vector<FrameTemplate> templates_;
  std::uint64_t position_ = 0;  // of the next one to be accepted
  std::uint32_t round_ = 0;
  std::uint64_t offered_ = 0;
  std::uint64_t accepted_ = 0;
};

}  // namespace flatline::generator
