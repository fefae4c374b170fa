// On what terms this process may grant leases: the region that it has, the file of the epoch and
// the configuration, weighed once at start, before anything is granted. Called by dpdk/'s main
// while it may still write files. Advances the epoch, durably, where what the region knows of
// leases is not all that was ever granted. Fails closed: where the file is of no use nothing new is
// granted, and one line says what to do.
#pragma once

#include "dataplane/lease_table.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <string>

namespace flatline {

struct LeaseStart {
  LeaseTerms terms;
  std::string complaint;  // empty: nothing is wrong
};

[[nodiscard]] LeaseStart StartLeases(const Config& config, const RegionView& region);

}  // namespace flatline
