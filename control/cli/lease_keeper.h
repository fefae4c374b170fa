// The leases that the agents of one `flatline agent` ask for and keep: one each, of one kind. When
// to ask, what to make of answers, and when it changes whether one may act. Pure bytes; time is an
// argument, of the clock that agent_lease.h wants. One thread. Cost: linear in the agents for each
// question, for they are few.
#pragma once

#include "control/cli/agent_fleet.h"

#include <flatline/agent_lease.h>
#include <flatline/lease.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace flatline::cli {

struct LeaseChange {
  EndpointId agent = kNoEndpoint;
  LeaseName name;
  bool may_act = false;
  std::uint8_t answer = kFlatlineLeaseNothing;
  FencingToken token = 0;
  EndpointId holder = kNoEndpoint;
  std::uint64_t left_ns = 0;  // to act
  bool is_released = false;   // by the agent itself: why it may not act
};

class LeaseKeeper {
 public:
  // `name`: of space kOwn, the number is each agent's own id.
  LeaseKeeper(const LeaseName& name, std::uint32_t term_ms, const AgentFleet& fleet);

  // The request of an agent that is due, or nothing; valid until the next call. An agent that has
  // not beaten does not ask.
  [[nodiscard]] std::span<const std::uint8_t> TakeDue(std::uint64_t now_ns);

  // When the next one is due, or the next lease runs out.
  [[nodiscard]] std::uint64_t next() const;

  // Whether it was an answer for one of them.
  bool Receive(std::span<const std::uint8_t> datagram, std::uint64_t now_ns);

  // What is otherwise than at the last look.
  [[nodiscard]] std::vector<LeaseChange> Look(std::uint64_t now_ns);

  // Gives up what one of them has, if it has: the datagram that says so; valid until the next call.
  [[nodiscard]] std::span<const std::uint8_t> GiveUp(std::size_t agent, std::uint64_t now_ns);

 private:
  struct Kept {
    FlatlineLease lease{};
    bool may_act = false;  // at the last look
    std::uint8_t answer = kFlatlineLeaseNothing;
    EndpointId holder = kNoEndpoint;
    bool is_released = false;  // since the last look
  };

  const AgentFleet* fleet_;
  std::vector<Kept> kept_;
  std::array<std::uint8_t, kFlatlineLargestLeaseRequest> datagram_{};
};

// "agent 7: may act by leader:5 for 9.8s, token 1099511627777".
[[nodiscard]] std::string LeaseChangeText(const LeaseChange& change);
[[nodiscard]] std::string LeaseChangeJson(const LeaseChange& change);

}  // namespace flatline::cli
