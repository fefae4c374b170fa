// Lives through simulated worlds in processes of their own, so that one that crashes is a finding
// and not the end, and all cores have work. Called from a program's one thread, which has started
// no other. Bounds: as many processes as asked for.
#pragma once

#include "tests/simulation/climate.h"
#include "tests/simulation/world.h"

#include <array>
#include <cstdint>
#include <functional>

namespace flatline {

// What became of one world, as it is told from process to process.
struct Report {
  std::uint64_t seed = 0;
  std::uint64_t faults = 0;  // 0: all was well
  std::uint64_t suspicions = 0;
  std::uint64_t deaths = 0;
  std::uint64_t corroborated = 0;
  std::uint64_t suppressed = 0;
  std::uint64_t recoveries = 0;
  std::uint64_t answers = 0;
  std::uint64_t frames = 0;
  std::uint64_t adoptions = 0;
  std::uint64_t journaled = 0;
  std::uint64_t control_deaths = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t lease_rows = 0;
  std::uint64_t scales = 0;
  std::uint64_t eased = 0;
  std::uint64_t tenures = 0;
  std::uint64_t holds = 0;
  std::uint64_t digest = 0;
  std::array<char, 400> fault{};  // the first of them
};

// In this process.
[[nodiscard]] Report LiveThrough(std::uint64_t seed, const Climate& climate);

// In another one.
[[nodiscard]] Report LiveThroughApart(std::uint64_t seed, const Climate& climate);

struct Worlds {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  unsigned processes = 1;
};

// Each seed's world in the climate that it draws. The reports come in no order.
void LiveThroughAll(const Worlds& worlds, const std::function<void(const Report&)>& told);

}  // namespace flatline
