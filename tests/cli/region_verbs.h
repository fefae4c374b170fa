// A region made by hand, without a dataplane, and `flatline` run over it: for the tests of the
// verbs that read shared memory. Removed with the object.
#pragma once

#include "control/cli/observation.h"
#include "tests/cli/in_process.h"
#include "tests/control/region/region_on_disk.h"

#include <flatline/region.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::cli {

// A region with a configuration beside it that names it.
class RegionVerbs : public ::testing::Test {
 public:
  RegionVerbs() : disk_({.workers = 2}), config_(disk_.directory() + "/config.toml") {
    std::ofstream(config_) << "region_directory = \"" << disk_.directory() << "\"\n";
    disk_.view().header().dataplane_pid.store(static_cast<std::uint32_t>(::getpid()));
    Turn(0, MonotonicNow());
    Turn(1, MonotonicNow());
  }

  ~RegionVerbs() override { ::unlink(config_.c_str()); }

  void Turn(unsigned worker, Instant at) const {
    WorkerProgress& progress = disk_.view().dataplane().progress[worker];
    progress.turns.store(7);
    progress.turn_ns.store(at.time_since_epoch().count());
    progress.thread_id.store(static_cast<std::int32_t>(100 + worker));
    progress.cpu.store(-1);
  }

  // In the first free slot of the worker that owns it.
  Slot Put(EndpointId id, EndpointState state, Group group, Instant heard) {
    const RegionView& region = disk_.view();
    const RegionShape& shape = region.shape();
    Slot slot =
        ShardOf(HashEndpoint(id, region.header().hash_key), shape.workers) * shape.slots_per_worker;
    while (region.records()[slot].id.load() != kNoEndpoint) {
      ++slot;
    }
    EndpointRecord& record = region.records()[slot];
    const HearingInstant at{heard.time_since_epoch()};
    record.heard.store(Heard{.stamp = StampOf(at), .sequence = 5}.Pack());
    record.incarnation.store(3);
    record.state.store(state.Pack());
    region.groups()[slot].store(group);
    SourceAddress& source = region.addresses()[slot];
    source.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 7};
    source.udp_port = 5000;
    source.port = 0;
    record.id.store(id);
    return slot;
  }

  [[nodiscard]] Ran Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--config", config_});
    return Flatline(arguments);
  }

 protected:
  RegionOnDisk disk_;
  std::string config_;
};

}  // namespace flatline::cli
