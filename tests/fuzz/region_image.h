// A region as a dataplane left it that was killed at work, and the same with bytes of it replaced:
// the input is a list of places, lengths and bytes, each place by the section that it lies in. Used
// by the targets that take the region for a hostile file.
#pragma once

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_engine.h"
#include "tests/fuzz/small_region.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace flatline {

// Alive, suspect, dead, left and never heard, the rings not empty, and every third one has said
// something of itself.
inline const std::vector<std::byte>& WorkedRegion() {
  static const std::vector<std::byte> out = [] {
    const SmallRegion region;
    const std::vector<std::byte> nothing;
    SmallEngine engine(region.view());
    for (std::uint32_t sequence = 1; sequence <= 40; ++sequence) {
      for (EndpointId id = 1; id <= 20; ++id) {
        if (sequence < 2 * id) {
          engine.Beat(
              sequence,
              {.id = id, .sent_ns = 1000 * sequence, .incarnation = 1, .sequence = sequence},
              id % 3 == 0 ? testing_frames::TextElement("late \x1b[2J") : nothing);
        }
      }
      engine.Turn(Milliseconds(20));
    }
    return std::vector(region.bytes().begin(), region.bytes().end());
  }();
  return out;
}

inline void Damage(FuzzInput& input, std::span<std::byte> bytes) {
  constexpr RegionLayout kLayout = RegionLayout::Of(SmallRegion::kShape);
  constexpr std::array<std::uint64_t, 11> kSections{0,
                                                    kLayout.control,
                                                    kLayout.commands,
                                                    kLayout.dataplane,
                                                    kLayout.results,
                                                    kLayout.transitions,
                                                    kLayout.records,
                                                    kLayout.groups,
                                                    kLayout.addresses,
                                                    kLayout.payloads,
                                                    kLayout.lease_states};
  while (!input.empty()) {
    const std::uint64_t section = kSections[input.Take<std::uint8_t>() % kSections.size()];
    const std::size_t at = (section + input.Take<std::uint16_t>()) % bytes.size();
    const auto put = input.Bytes(1 + input.Take<std::uint8_t>() % 64);
    std::memcpy(bytes.data() + at, put.data(), std::min(put.size(), bytes.size() - at));
  }
}

// Writes a damaged image of a worked region over `region`; its shape where it passes for a region.
inline std::optional<RegionShape> Replace(const SmallRegion& region, FuzzInput& input) {
  std::ranges::copy(WorkedRegion(), region.bytes().begin());
  Damage(input, region.bytes());
  const auto shape = ValidateRegion(region.view().header(), SmallRegion::kBytes, "fuzz");
  return shape ? std::optional(*shape) : std::nullopt;
}

}  // namespace flatline
