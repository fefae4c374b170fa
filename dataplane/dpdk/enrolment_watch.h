// Says in the log that strangers are turned away, and why: a flood of invented ids, or a table that
// is too small. Run by the main thread beside the watch over the devices; a line in ten seconds at
// most. Reads what the workers publish. Cold.
#pragma once

#include <flatline/drop_reason.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>

namespace flatline::dpdk {

class EnrolmentWatch {
 public:
  static constexpr Duration kInterval{10'000'000'000};

  explicit EnrolmentWatch(const RegionView& region) noexcept
      : region_(region), before_(Count(region)) {}

  void Look(Instant now);

 private:
  static constexpr std::array kReasons{
      DropReason::kEnrolmentLimit, DropReason::kSourceLimit, DropReason::kTableFull};
  using Counts = std::array<std::uint64_t, kReasons.size()>;

  static Counts Count(const RegionView& region) noexcept;

  RegionView region_;
  Counts before_;
  Instant next_{};
};

}  // namespace flatline::dpdk
