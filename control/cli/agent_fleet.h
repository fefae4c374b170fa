// The agents that one `flatline agent` speaks for: what each sends next, what their
// acknowledgements taught them, and the sums of both. Pure bytes and invented time; sockets and
// clocks are the verb's. One thread. Cost: constant for each datagram, 72 bytes an agent.
#pragma once

#include <flatline/agent.h>
#include <flatline/endpoint.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace flatline::cli {

struct RoundTrips {
  std::uint64_t count = 0;
  std::uint64_t least_ns = 0;
  std::uint64_t most_ns = 0;
  std::uint64_t sum_ns = 0;

  void Add(std::uint64_t ns);

  [[nodiscard]] std::uint64_t mean_ns() const { return count == 0 ? 0 : sum_ns / count; }
};

struct AgentTotals {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;        // the kernel did not take them, or told of a closed port
  std::uint64_t acknowledged = 0;  // of `sent`
  std::uint64_t answered = 0;      // probes
  std::uint64_t strange = 0;       // datagrams that were no acknowledgement of ours, or forged
  RoundTrips round_trips;
};

enum class Message : std::uint8_t { kHeartbeat, kLeave };

class AgentFleet {
 public:
  // `count` agents like `first`, whose ids count up from its.
  AgentFleet(const FlatlineAgent& first, std::size_t count);

  // From here on its heartbeats have a tag. False where it is none of ours.
  bool GiveKey(EndpointId id, const std::array<std::uint8_t, 16>& key, std::uint8_t tag_size);

  // The next datagram of one agent; valid until the next call.
  [[nodiscard]] std::span<const std::uint8_t> Encode(std::size_t agent,
                                                     Message message,
                                                     std::uint64_t wall_ns);

  void CountSent(bool taken) { ++(taken ? totals_.sent : totals_.failed); }

  // What is to be sent back for it, if anything; valid until the next call.
  [[nodiscard]] std::span<const std::uint8_t> Receive(std::span<const std::uint8_t> datagram,
                                                      std::uint64_t wall_ns);

  [[nodiscard]] std::size_t size() const { return agents_.size(); }

  [[nodiscard]] const FlatlineAgent& agent(std::size_t which) const { return agents_[which]; }

  [[nodiscard]] const AgentTotals& totals() const { return totals_; }

 private:
  std::vector<FlatlineAgent> agents_;
  std::array<std::uint8_t, kFlatlineLargestHeartbeat> datagram_{};
  AgentTotals totals_;
};

}  // namespace flatline::cli
