// Says in the log that somebody has removed the region's file: what runs goes on, and whoever comes
// later finds nothing to join or to adopt. Run by the main thread beside the watch over the
// devices; looks once a second. Cold.
#pragma once

#include "dataplane/shared_region.h"

#include <flatline/time.h>

namespace flatline::dpdk {

class RegionWatch {
 public:
  static constexpr Duration kInterval{1'000'000'000};

  // `region` outlives it.
  explicit RegionWatch(const SharedRegion& region) noexcept : region_(region) {}

  void Look(Instant now);

 private:
  const SharedRegion& region_;
  Instant next_{};
  bool is_told_ = false;
};

}  // namespace flatline::dpdk
