// Control's end of the region file: mapped as control may, locked against a second control; and the
// watch that finds it when it comes, and finds another one in its place. Called by the control loop
// a few times a second; needs no more than membership in the region's group. Every fault is one
// line.
#pragma once

#include "control/region/region_file.h"

#include <flatline/config.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>

namespace flatline {

class JoinedRegion {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<JoinedRegion>, std::string> Join(
      const std::string& path);

  JoinedRegion(const JoinedRegion&) = delete;
  JoinedRegion& operator=(const JoinedRegion&) = delete;
  ~JoinedRegion();

  [[nodiscard]] const RegionView& view() const noexcept { return mapped_.view(); }

  // Another file is there to be joined, in this one's place or where one is looked for first
  // (`path`), or the file holds another generation. A process that is out of descriptors cannot see
  // where that is, and stays with what it has.
  [[nodiscard]] bool IsSuperseded(const std::string& path) const;

 private:
  JoinedRegion(MappedRegion mapped, int lock) noexcept
      : mapped_(std::move(mapped)), lock_(lock), generation_(mapped_.view().header().generation) {}

  MappedRegion mapped_;
  int lock_;  // a descriptor that holds it
  std::uint64_t generation_;
};

// What control does about the region from turn to turn.
class RegionWatch {
 public:
  static constexpr Duration kInterval{100'000'000};
  // An old region is left this long after a new one is there, though its rings be not empty yet.
  static constexpr Duration kMostDraining{1'000'000'000};

  explicit RegionWatch(const Config& config) : config_(&config) {}

  enum class Event : std::uint8_t { kNothing, kReplaced, kJoined, kForeign };

  // Looks, mostly not at all. kReplaced: there is another region; leave the old one when it is
  // drained, then call Release. kJoined: current() is a new one. kForeign: the region there is of
  // another version, and no waiting will mend that; complaint() says what to do.
  [[nodiscard]] Event Poll(Instant now);

  // The old region is no longer looked at.
  void Release() { region_.reset(); }

  // Why there is no region, or empty.
  [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }

  [[nodiscard]] const JoinedRegion* current() const noexcept { return region_.get(); }

  // Who holds it keeps it mapped.
  [[nodiscard]] std::shared_ptr<const JoinedRegion> share() const noexcept { return region_; }

 private:
  const Config* config_;
  Instant next_{};
  std::shared_ptr<JoinedRegion> region_;
  std::string complaint_;  // last one logged
};

}  // namespace flatline
