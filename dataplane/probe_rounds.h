// The suspicions that are being looked into: for each suspect of a profile with probes one round of
// so many probes, ordered by when its next step is due. The owner of a shard begins rounds as it
// finds suspects, and its prober takes their steps. One thread, time as an argument. Bounds:
// kMostRounds at once, memory taken at start; where there is no room, none is begun, and the
// suspect's silence alone decides. Cost: the logarithm of how many there are.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatline {

inline constexpr std::size_t kMostRounds = 1U << 15;

struct ProbeRound {
  HearingInstant due{};
  EndpointId id = kNoEndpoint;
  Slot slot = kNoSlot;
  Stamp heard = 0;   // of the record that is suspect: another one ends the round
  Duration blind{};  // all blind time, when it began
  std::uint8_t sent = 0;
  bool was_deaf = false;  // since: what was not answered may have been answered
};

class ProbeRounds {
 public:
  ProbeRounds() { rounds_.reserve(kMostRounds); }

  // False: there is no room.
  [[nodiscard]] bool Begin(const ProbeRound& round) noexcept {
    if (rounds_.size() == kMostRounds) {
      return false;
    }
    rounds_.push_back(round);
    std::ranges::push_heap(rounds_, IsLater);
    return true;
  }

  // The round whose step is due first, or null. To be ended or put off by the caller.
  [[nodiscard]] ProbeRound* Due(HearingInstant horizon) noexcept {
    return rounds_.empty() || rounds_.front().due > horizon ? nullptr : &rounds_.front();
  }

  // Of the round that Due gave.
  void PutOff(HearingInstant until) noexcept {
    std::ranges::pop_heap(rounds_, IsLater);
    rounds_.back().due = until;
    std::ranges::push_heap(rounds_, IsLater);
  }

  void End() noexcept {
    std::ranges::pop_heap(rounds_, IsLater);
    rounds_.pop_back();
  }

  [[nodiscard]] std::size_t size() const noexcept { return rounds_.size(); }

 private:
  static bool IsLater(const ProbeRound& a, const ProbeRound& b) noexcept { return a.due > b.due; }

  std::vector<ProbeRound> rounds_;
};

}  // namespace flatline
