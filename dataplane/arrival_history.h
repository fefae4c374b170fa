// How a gap between two heartbeats enters the history of its endpoint: mean, variance and expected
// arrival, which the detectors are fed by (flatline/detectors.h). Called for each heartbeat that
// is sampled, by the worker that stamps it; pure. Assumes that sequences count up by one. Cost:
// some 40 instructions, which profiles whose deadlines do not need a history pay for one gap in
// sixteen.
//
// The first 128 gaps weigh the same; from then on each new one has a share of 1/128, so that a
// burst of losses every minute or two is still remembered when the next one comes. A variance and
// no mean deviation, because what makes a heartbeat late is rare and long: of gaps of which one in
// twenty is long, the mean deviation tells a quarter.
#pragma once

#include <flatline/profile.h>
#include <flatline/record.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace flatline {

inline constexpr std::uint32_t kHistory = 128;
// Of the next gap, by how many are there.
inline constexpr std::array<float, kHistory> kShares = [] {
  std::array<float, kHistory> out{};
  for (std::size_t count = 0; count < kHistory; ++count) {
    out[count] = 1.0F / static_cast<float>(count + 1);
  }
  return out;
}();
static_assert(kHistory == kMostCounted + 1, "a record's count is an index");

// Whose gaps are taken: all where the detector judges by them; of a fixed timeout one in sixteen,
// for the sake of whoever asks how an endpoint beats and how suspect it is; of a fleet that was
// started at once not everybody's in one interval. Cost: two comparisons.
class HistorySampling {
 public:
  explicit HistorySampling(const std::array<Profile, kMaxProfiles>& profiles) noexcept {
    for (std::size_t id = 0; id < profiles.size(); ++id) {
      const bool matters = profiles[id].detector != DetectorKind::kFixed;
      all_ |= std::uint64_t{profiles[id].in_use() && matters ? 1U : 0U} << id;
    }
  }

  [[nodiscard]] bool Takes(ProfileId profile,
                           EndpointId id,
                           std::uint32_t sequence) const noexcept {
    return ((all_ >> (profile % kMaxProfiles)) & 1U) != 0 || (id + sequence) % kOneIn == 0;
  }

 private:
  static constexpr std::uint32_t kOneIn = 16;

  std::uint64_t all_ = 0;  // profiles
};

static_assert(kMaxProfiles == 64);

// Of the expected arrival: the mean of about 15 arrivals.
inline constexpr float kArrivalShare = 1.0F / 8;

// How long after its arrival a heartbeat late by `late` had been expected, partly believed. A
// sequence that does not fit its instant (the sender paused or counts otherwise, or we were deaf in
// between) says nothing about the phase.
constexpr float LeadAfter(float late, float interval) noexcept {
  return __builtin_fabsf(late) <= interval ? (kArrivalShare - 1) * late : 0.0F;
}

// A gap over lost heartbeats says nothing about the interval, yet all about how long this endpoint
// may be silent and live: it enters the variance.
[[gnu::noinline]] constexpr std::uint64_t RememberLoss(std::uint64_t word,
                                                       std::int32_t gap,
                                                       std::uint32_t steps) noexcept {
  const Arrival before = Arrival::Unpack(word);
  const auto measured = static_cast<float>(gap);
  const auto counted = static_cast<float>(steps);
  const float error = measured - before.interval;
  Arrival out = before;
  out.count = std::min(before.count + 1, kMostCounted);
  if (before.count == 0) {
    out.interval = steps == 0 ? measured : measured / counted;
    return out.Pack();
  }
  out.variance += kShares[before.count] * (error * error - before.variance);
  out.lead = LeadAfter(measured - counted * before.interval - before.lead, before.interval);
  return out.Pack();
}

// The packed history `word` with one gap more. `gap` in stamp units; `steps` of the sequence.
constexpr std::uint64_t Remember(std::uint64_t word,
                                 std::int32_t gap,
                                 std::uint32_t steps) noexcept {
  if (steps != 1) [[unlikely]] {
    return RememberLoss(word, gap, steps);
  }
  const Arrival before = Arrival::Unpack(word);
  const float share = kShares[before.count];
  const float error = static_cast<float>(gap) - before.interval;
  Arrival out;
  out.count = std::min(before.count + 1, kMostCounted);
  // West's update (CACM 1979).
  out.interval = before.interval + share * error;
  out.variance = (1 - share) * (before.variance + share * error * error);
  out.lead = LeadAfter(error - before.lead, before.interval);
  return out.Pack();
}

}  // namespace flatline
