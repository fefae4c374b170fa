#include "control/vigil.h"

#include <cstddef>
#include <spdlog/spdlog.h>

namespace flatline {

void Vigil::Turn(const RegionView* region, Instant now) {
  if (now < next_) {
    return;
  }
  next_ = now + kInterval;
  if (region != nullptr) {
    LookAt(*region, now);
  }
  if (PublishersMove(now)) {
    supervisor_.SayAlive(now);
  }
}

// One that ended on purpose hangs nowhere, and one that was killed is gone: said once.
void Vigil::LookAt(const RegionView& region, Instant now) {
  const RegionHeader& header = region.header();
  if (header.state.load(std::memory_order_acquire) != RegionState::kLive) {
    workers_ = {};
    return;
  }
  const auto news = workers_.Look(region, now);
  const auto pid = header.dataplane_pid.load(std::memory_order_relaxed);
  if (workers_.hanging() != 0 && !ProcessIsThere(pid)) {
    if (gone_ != pid) {
      spdlog::error("the dataplane, pid {}, is gone: nobody hears until the next one", pid);
      gone_ = pid;
    }
    return;
  }
  for (const HangNews& one : news) {
    if (one.is_over) {
      spdlog::warn("dataplane, pid {}: {}", pid, Describe(one, now));
    } else {
      spdlog::error("dataplane, pid {}: {}", pid, Describe(one, now));
    }
  }
}

bool Vigil::PublishersMove(Instant now) {
  bool all = true;
  for (std::size_t i = 0; i < publishers_.size(); ++i) {
    Publisher& it = publishers_[i];
    const bool hung = it.still.hangs();
    const bool hangs = it.still.Look(it.turn_ns->load(std::memory_order_relaxed), now);
    if (hangs && !hung) {
      spdlog::error("publisher {} hangs: its subscribers hear nothing", i);
    } else if (hung && !hangs) {
      spdlog::warn("publisher {} moves again", i);
    }
    all = all && !hangs;
  }
  return all;
}

}  // namespace flatline
