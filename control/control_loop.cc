#include "control/control_loop.h"

#include "control/clock.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <utility>

namespace flatline {
Duration SyncIntervalOf(const ControlConfig& config) {
  switch (config.durability) {
    case Durability::kNone:
      return Duration{std::numeric_limits<std::int64_t>::max() / 2};
    case Durability::kInterval:
      return config.sync_interval;
    case Durability::kBeforeSending:
      break;
  }
  return {};
}

namespace {

// For `flatline status`, which asks the region alone.
void TellOfJournal(const JournalHealth& health, ControlSection& section) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  section.journal_fault.store(health.fault, kRelaxed);
  section.journal_in_memory_since_ns.store(health.in_memory_since.time_since_epoch().count(),
                                           kRelaxed);
  section.journal_records_in_memory.store(health.records_in_memory, kRelaxed);
  section.journal_records_given_up.store(health.records_given_up, kRelaxed);
  section.journal_sync_failing_since_ns.store(health.sync_failing_since.time_since_epoch().count(),
                                              kRelaxed);
  section.journal_records_damaged.store(health.records_damaged, kRelaxed);
}

void TellOfFlapping(const Damping* damping, ControlSection& section) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  if (damping != nullptr) {
    section.flapping.store(damping->flapping_count(), kRelaxed);
    section.changes_suppressed.store(damping->suppressed(), kRelaxed);
    section.flaps_unwatched.store(damping->unwatched(), kRelaxed);
  }
}

}  // namespace

std::expected<void, std::string> ControlLoop::Run(Wishes& wishes) {
  unsigned empty_turns = 0;
  Duration pause = kBusy;
  while (!wishes.stop.load(std::memory_order_relaxed)) {
    if (wishes.reload.load(std::memory_order_relaxed)) {
      wishes.reload.store(false);
      service_->Reload();
    }
    const Instant now = ReadMonotonic();
    const WallInstant wall = ReadWall();
    const auto worked = Turn(now, wall);
    if (!worked) {
      return std::unexpected(worked.error());
    }
    server_->Serve(now);
    if (server_->Wait(pause) || *worked) {
      empty_turns = 0;
      pause = kBusy;
    } else if (++empty_turns > kTurnsBeforeIdle) {
      pause = std::min(kIdle, pause * 2);
    }
  }
  service_->Leave();
  if (const JoinedRegion* const region = watch_.current()) {
    region->view().control().control_pid.store(0, std::memory_order_relaxed);  // no hang, no crash
  }
  return {};
}

std::expected<bool, std::string> ControlLoop::Turn(Instant now, WallInstant wall) {
  if (auto followed = FollowRegion(now); !followed) {
    return std::unexpected(std::move(followed.error()));
  }
  const auto worked = service_->Turn(now, wall);
  const JoinedRegion* const region = watch_.current();
  vigil_->Turn(region == nullptr ? nullptr : &region->view(), now);
  if (region != nullptr) {
    ControlSection& section = region->view().control();
    section.control_turn_ns.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    TellOfFlapping(service_->damping(), section);
    TellOfJournal(service_->health(), section);
  }
  LeaveWhenDrained(now);
  if (now >= sync_at_) {
    server_->Sync(*service_);
    sync_at_ = now + sync_interval_;
  }
  return worked;
}

std::expected<void, std::string> ControlLoop::FollowRegion(Instant now) {
  switch (watch_.Poll(now)) {
    case RegionWatch::Event::kNothing:
      break;
    case RegionWatch::Event::kForeign:
      return std::unexpected(watch_.complaint());
    case RegionWatch::Event::kReplaced:
      if (!is_replaced_) {
        spdlog::info("there is another region; leaving this one");
        is_replaced_ = true;
        replaced_at_ = now;
      }
      break;
    case RegionWatch::Event::kJoined: {
      const RegionView& region = watch_.current()->view();
      service_->Join(region, watch_.share());
      region.control().control_pid.store(static_cast<std::uint32_t>(::getpid()),
                                         std::memory_order_relaxed);
      break;
    }
  }
  return {};
}

void ControlLoop::LeaveWhenDrained(Instant now) {
  if (is_replaced_ && (service_->drained() || now - replaced_at_ > RegionWatch::kMostDraining)) {
    service_->Leave();
    watch_.Release();
    is_replaced_ = false;
  }
}

}  // namespace flatline
