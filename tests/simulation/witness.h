// Looks over the engine's shoulder: reads every worker's ring at the moment it is written, and
// holds each verdict against the truth. Keeps its positions over restarts of the engine, so that a
// verdict told twice or a broken chain is seen. Collects faults as sentences; none is the pass.
#pragma once

#include "tests/simulation/guard_witness.h"
#include "tests/simulation/true_blindness.h"
#include "tests/simulation/truth.h"

#include <flatline/payload.h>
#include <flatline/profile.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace flatline {

// What control believes of an endpoint, from transitions alone.
struct Belief {
  Liveness liveness = Liveness::kUnknown;
  Health health = Health::kUnknown;
  std::uint32_t incarnation = 0;
  Instant enrolled_by_word{};  // when its first heartbeat had made it known to its owner
};

class Witness {
 public:
  Witness(const RegionView& region, std::vector<Truth>& fleet, const TrueBlindness& blind);

  // Around a turn of a worker. It is `now`; `heard`: the instant up to which every queue was
  // drained when the leader last looked.
  void BeforeTurn(Instant now) { guards_.BeforeTurn(now); }

  void Read(unsigned worker, Instant heard, Instant now);

  // Another process has adopted the region.
  void Adopted() { guards_.Adopted(); }

  // The region has been formatted anew: all that was believed is void.
  void BeginRegion();

  // After the world has been healed and has settled: what is believed must be what is true, and
  // what is kept of what endpoints said of themselves must have been said by them.
  void CheckSettled(Instant now);
  void CheckPayloads();

  [[nodiscard]] bool Believes(EndpointId id, Liveness liveness) const {
    const auto belief = beliefs_.find(id);
    return (belief == beliefs_.end() ? Liveness::kUnknown : belief->second.liveness) == liveness;
  }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

  [[nodiscard]] const GuardWitness& guards() const { return guards_; }

  [[nodiscard]] std::uint64_t count(Reason reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }

 private:
  void Take(const Transition& transition, Instant heard, Instant now);
  void CheckChain(const Transition& transition, Belief& belief);
  void CheckSilence(const Transition& transition, const Truth& truth, Instant heard);
  void CheckPunctual(const Transition& transition, const Truth& truth, Instant heard);
  void CheckSpoken(const Transition& transition, const Truth& truth);
  [[nodiscard]] bool HasSaid(const Payload& payload) const;
  [[nodiscard]] bool MayHaveMissedLeave(const Truth& truth, const Belief& belief) const;
  void Fault(const Transition& transition, const std::string& sentence);
  // The least silence that the verdict's profile allows any history, and the most.
  [[nodiscard]] Duration AllowedLeast(const Transition& transition) const;
  [[nodiscard]] Duration AllowedMost(const Transition& transition) const;

  RegionView region_;
  std::vector<Truth>* fleet_;
  const TrueBlindness* blind_;
  GuardWitness guards_;
  std::unordered_map<EndpointId, std::size_t> by_id_;
  std::unordered_map<EndpointId, Belief> beliefs_;
  std::array<std::uint64_t, kMaxWorkers> positions_{};
  std::array<std::uint64_t, kReasonNames.size()> counts_{};
  Instant last_full_{};
  std::vector<std::string> faults_;
};

}  // namespace flatline
