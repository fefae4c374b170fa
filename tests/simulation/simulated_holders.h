// The endpoints of a simulated world as they ask for leases, by agent_lease.h, each with a clock
// that drifts; former lives of them, which may still act; and what was told of leases, region after
// region. Collects faults as sentences: two who may act under one name, a token that went back, a
// tenure that begins where one is or ends where none is. One thread.
#pragma once

#include "tests/simulation/chance.h"

#include <flatline/agent_lease.h>
#include <flatline/lease.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace flatline {

class SimulatedHolders {
 public:
  static constexpr std::size_t kNames = 3;  // two numbers, and each endpoint's own

  SimulatedHolders(std::size_t endpoints, std::uint64_t seed, Duration longest);

  // The next request of an endpoint, as it is now: to take or keep a lease, or to give it back.
  [[nodiscard]] std::vector<std::byte> Ask(std::size_t endpoint,
                                           const FlatlineAgent& agent,
                                           Instant now);

  // An answer has come to an endpoint.
  void Hear(std::size_t endpoint, std::span<const std::byte> answer, Instant now);

  // What a worker has told since the last call.
  void ReadRing(const RegionView& region, unsigned worker);

  // All that was told is void, and its positions.
  void BeginRegion();

  // Whether any endpoint was ever granted this one.
  [[nodiscard]] bool HasHeardOf(const LeaseName& name, FencingToken token) const;

  [[nodiscard]] std::uint64_t tenures() const { return tenures_; }

  [[nodiscard]] std::uint64_t granted() const { return granted_; }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  struct Life {
    FlatlineAgent agent{};
    std::array<FlatlineLease, kNames> leases{};
    double rate = 1;
    std::uint64_t began = 1;

    [[nodiscard]] std::uint64_t Clock(Instant now) const {
      return began +
             static_cast<std::uint64_t>(static_cast<double>(now.time_since_epoch().count()) * rate);
    }
  };

  void CheckAlone(const Life& holder, const FlatlineLease& lease, Instant now);
  void Take(const Transition& told);

  void Fault(const std::string& sentence) { faults_.push_back(sentence); }

  using Key = std::pair<std::uint8_t, std::uint64_t>;  // space, number

  Chance chance_;
  std::uint32_t longest_ms_;
  std::vector<Life> lives_;
  std::deque<Life> former_;
  std::array<std::uint64_t, kMaxWorkers> positions_{};
  std::map<Key, Transition> held_;       // as told, in this region
  std::map<Key, FencingToken> highest_;  // ever told
  std::map<Key, FencingToken> acted_;    // the highest that anybody acted by
  std::uint64_t tenures_ = 0;
  std::uint64_t granted_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace flatline
