#include "control/cli/measured_paths.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace flatline::cli {
namespace {

constexpr Duration kShortestPause{1'000'000};

struct Followed {
  ProfileId profile = 0;
  PathSample sample;
  Instant look_at{};
};

// Everybody alike is among them.
std::array<std::vector<Slot>, kMaxProfiles> Draw(const RegionView& region, const Config& config) {
  std::array<std::vector<Slot>, kMaxProfiles> out;
  std::array<std::uint64_t, kMaxProfiles> met{};
  std::minstd_rand random;
  Slot slot = 0;
  for (const EndpointRecord& record : region.records()) {
    const Slot here = slot++;
    const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
    if (record.id.load(std::memory_order_relaxed) == kNoEndpoint ||
        state.liveness != Liveness::kAlive || state.profile >= kMaxProfiles ||
        !config.contracts.at(state.profile).is_made()) {
      continue;
    }
    std::vector<Slot>& drawn = out.at(state.profile);
    const std::uint64_t place =
        std::uniform_int_distribution<std::uint64_t>(0, met.at(state.profile)++)(random);
    if (drawn.size() < kSample) {
      drawn.push_back(here);
    } else if (place < kSample) {
      drawn[place] = here;
    }
  }
  return out;
}

}  // namespace

std::array<MeasuredPath, kMaxProfiles> MeasurePaths(const RegionView& region,
                                                    const Config& config,
                                                    Duration during,
                                                    const Pause& pause) {
  std::array<MeasuredPath, kMaxProfiles> out{};
  std::vector<Followed> followed;
  const auto drawn = Draw(region, config);
  Duration step = during;
  for (ProfileId id = 0; id < kMaxProfiles; ++id) {
    const Contract& contract = config.contracts.at(id);
    if (contract.is_made()) {
      PathSample sample(id, config.profiles.at(id).interval, contract.promise.detection);
      sample.Follow(drawn.at(id));
      step = std::min(step, sample.look_interval());
      followed.push_back({.profile = id, .sample = std::move(sample)});
    }
  }
  const Instant end = pause(Duration{}) + during;
  for (Instant now = end - during; now < end; now = pause(std::max(step, kShortestPause))) {
    for (Followed& one : followed) {
      if (now >= one.look_at) {
        one.sample.Look(region, now);
        one.look_at = now + one.sample.look_interval();
      }
    }
  }
  for (Followed& one : followed) {
    MeasuredPath& path = out.at(one.profile);
    path.losses = one.sample.TakeLosses();
    path.beats = one.sample.Findings(
        config.contracts.at(one.profile), path.losses.loss(), PathSample::Doubt::kNone);
  }
  return out;
}

}  // namespace flatline::cli
