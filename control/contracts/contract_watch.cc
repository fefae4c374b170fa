#include "control/contracts/contract_watch.h"

#include "control/config/contract.h"
#include "control/config/contract_advice.h"
#include "control/config/units.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace flatline {
namespace {

// Of a hundred of those looked at, so many have to be able to keep it.
constexpr std::uint64_t kEnoughOfAHundred = 99;

}  // namespace

ContractWatch::ContractWatch(const Config& config, std::unique_ptr<TrackRecord> record)
    : record_(std::move(record)) {
  for (ProfileId id = 0; id < kMaxProfiles; ++id) {
    const Contract& contract = config.contracts.at(id);
    const Profile& profile = config.profiles.at(id);
    if (contract.is_made()) {
      watched_.push_back({.id = id,
                          .profile = profile,
                          .contract = contract,
                          .sample = PathSample(id, profile.interval, contract.promise.detection),
                          .drawn = {},
                          .next = {}});
    }
  }
}

void ContractWatch::Forget() {
  has_begun_ = false;
}

void ContractWatch::Turn(const RegionView* region,
                         const Membership& members,
                         Instant now,
                         WallInstant wall) {
  if (region == nullptr || watched_.empty()) {
    return;
  }
  if (!std::exchange(has_begun_, true)) {
    Begin(*region, now);
  }
  Draw(*region, now);
  CountWatched(members, now);
  for (Watched& watched : watched_) {
    if (!watched.is_in_force || now < watched.look_at) {
      continue;
    }
    watched.sample.Look(*region, now);
    watched.look_at = now + watched.sample.look_interval();
    watched.losses += watched.sample.TakeLosses();
    if (now >= watched.judge_at) {
      Judge(watched, now, wall);
    }
  }
}

void ContractWatch::Begin(const RegionView& region, Instant now) {
  next_slot_ = 0;
  draw_at_ = now;
  counted_ = now;
  for (Watched& watched : watched_) {
    watched.sample.Follow({});
    watched.losses = {};
    watched.drawn.clear();
    watched.next.clear();
    watched.met = 0;
    watched.look_at = now;
    watched.judge_at = now;
    watched.is_in_force =
        std::memcmp(&watched.profile, &region.header().profiles.at(watched.id), sizeof(Profile)) ==
        0;
    if (!watched.is_in_force) {
      spdlog::warn(
          "profile {}: the dataplane was started with other times than the contract "
          "in the configuration needs; restart it",
          watched.profile.name.data());
    }
  }
}

void ContractWatch::Draw(const RegionView& region, Instant now) {
  if (next_slot_ == 0 && now < draw_at_) {
    return;
  }
  const std::size_t slots = region.records().size();
  const std::size_t end = std::min(slots, next_slot_ + kSlotsAtOnce);
  for (; next_slot_ < end; ++next_slot_) {
    Meet(region.records()[next_slot_], static_cast<Slot>(next_slot_));
  }
  if (next_slot_ != slots) {
    return;
  }
  next_slot_ = 0;
  draw_at_ = now + kDrawInterval;
  for (Watched& watched : watched_) {
    watched.next = std::exchange(watched.drawn, {});
    watched.met = 0;
    if (watched.sample.is_empty()) {
      watched.sample.Follow(watched.next);
    }
  }
}

// Everybody alike is among those drawn (Vitter's reservoir, ACM TOMS 1985).
void ContractWatch::Meet(const EndpointRecord& record, Slot slot) {
  const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  if (record.id.load(std::memory_order_relaxed) == kNoEndpoint ||
      state.liveness != Liveness::kAlive) {
    return;
  }
  const auto watched = std::ranges::find(watched_, state.profile, &Watched::id);
  if (watched == watched_.end() || !watched->is_in_force) {
    return;
  }
  const std::uint64_t place =
      std::uniform_int_distribution<std::uint64_t>(0, watched->met++)(random_);
  if (watched->drawn.size() < kSample) {
    watched->drawn.push_back(slot);
  } else if (place < kSample) {
    watched->drawn[place] = slot;
  }
}

void ContractWatch::CountWatched(const Membership& members, Instant now) {
  const Duration since = now - counted_;
  if (since < kCountInterval) {
    return;
  }
  counted_ = now;
  for (const Watched& watched : watched_) {
    if (since <= kLongestPause) {
      record_->Watched(watched.id, members.OfProfile(watched.id), since);
    }
  }
}

// And begins the next window, with others if a pass has met them.
void ContractWatch::Judge(Watched& watched, Instant now, WallInstant wall) {
  watched.judge_at =
      now + std::max(watched.profile.interval * kBeatsAWindow, Duration{kLeastWindow});
  const BeatFindings beats = watched.sample.Findings(
      watched.contract, watched.losses.least_loss(), PathSample::Doubt::kForThem);
  if (beats.endpoints != 0) {
    const bool can_be_kept =
        std::uint64_t{beats.keep} * 100 >= std::uint64_t{beats.endpoints} * kEnoughOfAHundred;
    if (record_->Measured(watched.id, watched.losses, beats, can_be_kept, wall)) {
      Tell(watched,
           {.loss = watched.losses.loss(), .jitter = beats.worst_jitter},
           beats,
           can_be_kept);
    }
  }
  watched.losses.Fade(kFades);
  watched.sample.ForgetBeats();
  if (!watched.next.empty()) {
    watched.sample.Follow(std::exchange(watched.next, {}));
  }
}

void ContractWatch::Tell(const Watched& watched,
                         const Path& path,
                         const BeatFindings& beats,
                         bool is_kept) const {
  const char* const name = watched.profile.name.data();
  if (is_kept) {
    spdlog::info("profile {}: the paths let its contract be kept again", name);
    return;
  }
  const auto advice = AdviseOn(watched.profile, watched.contract, path);
  std::string remedy;
  if (!advice) {
    remedy = advice.error();
  } else if (advice->detection == watched.contract.promise.detection) {
    remedy = "senders would have to beat every " + PrintDuration(advice->interval);
  } else {
    remedy =
        "no interval would do; detect_within would have to be " + PrintDuration(advice->detection);
  }
  spdlog::warn(
      "profile {}: CONTRACT CANNOT BE KEPT by {} of {} endpoints looked at: {}; {}; see `flatline "
      "contract`",
      name,
      beats.endpoints - beats.keep,
      beats.endpoints,
      PrintPath(path),
      remedy);
}

}  // namespace flatline
