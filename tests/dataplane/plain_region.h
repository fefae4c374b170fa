// A region in plain memory: formatted as the real one, with no file behind it. It outlives the
// engines that adopt it one after the other, as the file does.
#pragma once

#include "dataplane/shared_region.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace flatline {

class PlainRegion {
 public:
  explicit PlainRegion(const Config& config, std::uint64_t hash_key = 0x5EED)
      : memory_(Allocate(RegionLayout::Of(ShapeFor(config.dataplane, kSmallPage)).bytes)),
        view_(FormatRegion(memory_.get(),
                           ShapeFor(config.dataplane, kSmallPage),
                           config,
                           WallInstant{Duration{1'700'000'000'000'000'000}},
                           hash_key)) {}

  [[nodiscard]] const RegionView& view() const { return view_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  static std::byte* Allocate(std::size_t bytes) {
    void* memory = std::aligned_alloc(kSmallPage, bytes);
    std::memset(memory, 0, bytes);
    return static_cast<std::byte*>(memory);
  }

  std::unique_ptr<std::byte, Free> memory_;
  RegionView view_;
};

// Small and quick: `leader-election` at 100 ms × 3 is the default profile.
inline Config SmallConfig(std::uint64_t endpoints = 1000, std::uint32_t workers = 1) {
  Config config;
  config.dataplane.endpoints = endpoints;
  config.dataplane.workers = workers;
  config.dataplane.transition_ring = 1U << 10;
  config.dataplane.payloads = 64;
  config.dataplane.default_profile = 1;
  for (std::size_t i = 0; i < kBuiltInProfiles.size(); ++i) {
    config.profiles[kFirstBuiltInProfile + i] = kBuiltInProfiles[i];
  }
  return config;
}

}  // namespace flatline
