// What is true of one simulated endpoint, apart from what anybody believes: what it did, and which
// of its messages came into a queue of the detector's.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/liveness.h>
#include <flatline/time.h>

#include <cstdint>
#include <map>
#include <vector>

namespace flatline {

// A heartbeat that came into a queue and was newer than all before it; or an answer to a probe,
// which is of the instant of the question and has the number of the heartbeat before it.
struct Delivery {
  Instant at{};
  Instant came{};
  std::uint64_t serial = 0;
  Duration blind_total{};  // that the detector had published a while before
  std::uint32_t incarnation = 0;
  std::uint32_t sequence = 0;
  bool is_leave = false;
  bool is_answer = false;
};

// What an endpoint says of its load in a heartbeat.
constexpr std::uint32_t LoadOf(std::uint32_t incarnation, std::uint32_t sequence) {
  return sequence * 131 + incarnation;
}

// To which group an endpoint says it belongs: the first message of a life does.
inline constexpr EndpointId kSimulatedGroups = 6;

constexpr Group GroupOf(EndpointId id) {
  return static_cast<Group>(1 + id % kSimulatedGroups);
}

struct Truth {
  EndpointId id = kNoEndpoint;
  ProfileId profile = kDefaultProfile;
  // What the endpoint does.
  bool beats = true;
  Instant next_beat{};
  std::uint32_t incarnation = 1;
  std::uint32_t sequence = 0;
  Health health = Health::kReady;
  Slot handle = kNoSlot;   // as it was last told
  bool left = false;       // sent a leave in this incarnation
  Instant strays_until{};  // its heartbeats do not arrive, its answers do
  // What came through.
  std::vector<Delivery> deliveries;             // oldest first
  std::map<std::uint32_t, std::uint32_t> came;  // of each incarnation the last, news or not
  // An answer that may have been taken, and may not: it came too late, or where it counts for
  // nothing, or to a process that was killed.
  Instant maybe_answered{};
  Duration maybe_blind{};
  std::uint64_t answers = 0;  // of either kind
  // What control did.
  bool is_to_be_enrolled = false;  // was asked for, and does not beat before it is
  bool enrolled = false;           // by a command; since then it is watched even if it never speaks
  Instant enrolled_at{};
  Duration enrolled_blind{};
  bool retired = false;

  [[nodiscard]] bool has_taken_leave() const {
    return !deliveries.empty() && deliveries.back().is_leave;
  }

  // Whether a message of this number is newer than whatever came through.
  [[nodiscard]] bool IsNews(std::uint32_t other_incarnation, std::uint32_t other_sequence) const {
    if (deliveries.empty()) {
      return true;
    }
    const Delivery& last = deliveries.back();
    return other_incarnation > last.incarnation ||
           (other_incarnation == last.incarnation && other_sequence > last.sequence);
  }
};

}  // namespace flatline
