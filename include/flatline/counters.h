// What the dataplane counts, one table for name, unit and meaning; and the block of them that each
// worker publishes in the region, where any process can read it, also of a hung worker.
// The owning worker counts in private memory and publishes in housekeeping (relaxed stores);
// readers sum over the workers. Counters only grow while a region lives, over restarts too; gauges
// are as of the last housekeeping.
#pragma once

#include <flatline/drop_reason.h>
#include <flatline/liveness.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flatline {

enum class CounterType : std::uint8_t { kCounter, kGauge, kMaximum };

// X(enumerator, name, type, sentence)
#define FLATLINE_COUNTERS(X)                                                                      \
  X(kFrames, "frames", kCounter, "frames received")                                               \
  X(kFrameBytes, "frame_bytes", kCounter, "bytes of frames received")                             \
  X(kHeartbeats, "heartbeats", kCounter, "heartbeats that counted")                               \
  X(kByHandle, "heartbeats_by_handle", kCounter, "of these, found by handle")                     \
  X(kAuthenticated, "heartbeats_authenticated", kCounter, "with a tag that was right")            \
  X(kStaleHandle, "stale_handles", kCounter, "handles that did not match; the index was asked")   \
  X(kForeign, "foreign_heartbeats", kCounter, "stamped for an endpoint of another worker")        \
  X(kHandedOver, "handed_over", kCounter, "passed to the owning worker")                          \
  X(kLeaves, "leaves", kCounter, "leave messages that counted")                                   \
  X(kAcknowledged, "acknowledgements_sent", kCounter, "acknowledgements sent")                    \
  X(kResponses, "responses_sent", kCounter, "answers to ARP, neighbour discovery and echo")       \
  X(kReplyDropped, "replies_dropped", kCounter, "answers for which there was no buffer or room")  \
  X(kEnrolled, "enrolled", kCounter, "endpoints that entered the table")                          \
  X(kRetired, "retired", kCounter, "endpoints that left the table")                               \
  X(kTransitions, "transitions", kCounter, "transitions published")                               \
  X(kRingFull, "ring_full_waits", kCounter, "changes that waited because the ring was full")      \
  X(kSuspicions, "suspicions", kCounter, "alive -> suspect")                                      \
  X(kDeaths, "deaths", kCounter, "-> dead")                                                       \
  X(kRecoveries, "recoveries", kCounter, "suspect or dead -> alive")                              \
  X(kVisits, "wheel_visits", kCounter, "blocks of records that the wheel had judged")             \
  X(kExpireDeferred,                                                                              \
    "expire_deferred",                                                                            \
    kCounter,                                                                                     \
    "turns that ended with due blocks still waiting")                                             \
  X(kCommands, "commands", kCounter, "commands from control carried out")                         \
  X(kStalls, "stalls", kCounter, "turns that took longer than the stall threshold")               \
  X(kBlindNs, "blind_ns", kCounter, "nanoseconds subtracted from everyone's silence")             \
  X(kTurns, "turns", kCounter, "turns of the loop")                                               \
  X(kIdleTurns, "idle_turns", kCounter, "turns that found nothing to do")                         \
  X(kLongestTurnNs, "longest_turn_ns", kMaximum, "the longest turn since start")                  \
  X(kHorizonLagNs, "horizon_lag_ns", kGauge, "now less the horizon")                              \
  X(kUnknown, "endpoints_unknown", kGauge, "endpoints enrolled and not yet heard")                \
  X(kAlive, "endpoints_alive", kGauge, "endpoints alive")                                         \
  X(kSuspect, "endpoints_suspect", kGauge, "endpoints suspect")                                   \
  X(kDead, "endpoints_dead", kGauge, "endpoints dead")                                            \
  X(kLeft, "endpoints_left", kGauge, "endpoints that left")                                       \
  X(kProbesSent, "probes_sent", kCounter, "probes and echo requests sent")                        \
  X(kProbeReplies, "probe_replies", kCounter, "answers to probes that counted")                   \
  X(kProbesUnmatched, "probes_unmatched", kCounter, "answers to what we did not ask, or too old") \
  X(kProbesUnresolved, "probes_unresolved", kCounter, "probes that waited for a next hop")        \
  X(kProbesHeldBack, "probes_held_back", kCounter, "probes that a bound forbade, or no buffer")   \
  X(kProbesUnbooked, "probes_unbooked", kCounter, "suspects nobody asked: too many at once")      \
  X(kNextHopsAsked, "next_hops_asked", kCounter, "ARP requests and neighbour solicitations sent") \
  X(kPayloads, "payloads", kCounter, "payloads kept")                                             \
  X(kPayloadsRefused,                                                                             \
    "payloads_refused",                                                                           \
    kCounter,                                                                                     \
    "payloads for which the pool, or the ring to the owner, had no room")                         \
  X(kPayloadEntries, "payload_entries", kGauge, "endpoints whose payload is kept")                \
  X(kOtherPort, "other_port", kCounter, "heard on another port than usual, where it was looked")  \
  X(kLateRecoveries, "recoveries_late", kCounter, "recoveries by a heartbeat that was only late") \
  X(kGuardHolds, "guard_holds", kCounter, "times that the guard began to hold verdicts back")     \
  X(kLeaseRequests, "lease_requests", kCounter, "requests for leases that were genuine")          \
  X(kLeasesGranted, "leases_granted", kCounter, "tenures that began")                             \
  X(kLeasesRenewed, "leases_renewed", kCounter, "requests that prolonged a tenure")               \
  X(kLeasesReleased, "leases_released", kCounter, "tenures given back")                           \
  X(kLeasesExpired, "leases_expired", kCounter, "tenures whose term ran out")                     \
  X(kLeasesRefused, "leases_refused", kCounter, "requests that were told why not")                \
  X(kLeasesHeld, "leases_held", kGauge, "leases that somebody holds")                             \
  X(kCorroborations,                                                                              \
    "deaths_corroborated",                                                                        \
    kCounter,                                                                                     \
    "deaths told early: there was evidence beside silence")                                       \
  X(kGroupGuardHolds, "group_guard_holds", kCounter, "times that a group's guard began to hold")  \
  X(kGroupsUncounted, "groups_uncounted", kGauge, "endpoints of groups for which was no room")

enum class Counter : std::uint8_t {
#define FLATLINE_COUNTER_ENUMERATOR(enumerator, name, type, sentence) enumerator,
  FLATLINE_COUNTERS(FLATLINE_COUNTER_ENUMERATOR)
#undef FLATLINE_COUNTER_ENUMERATOR
};

struct CounterDescription {
  std::string_view name;
  CounterType type;
  std::string_view sentence;
};

inline constexpr auto kCounterDescriptions = std::to_array<CounterDescription>({
#define FLATLINE_COUNTER_DESCRIPTION(enumerator, name, type, sentence) \
  {name, CounterType::type, sentence},
    FLATLINE_COUNTERS(FLATLINE_COUNTER_DESCRIPTION)
#undef FLATLINE_COUNTER_DESCRIPTION
});

#undef FLATLINE_COUNTERS

inline constexpr std::size_t kCounters = kCounterDescriptions.size();

// One worker's, in the region. Worker writes, everyone reads.
struct alignas(64) PublishedCounters {
  std::array<std::atomic<std::uint64_t>, kCounters> values{};
  std::array<std::atomic<std::uint64_t>, kDropReasons> drops{};

  [[nodiscard]] std::uint64_t operator[](Counter counter) const noexcept {
    return values[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t operator[](DropReason reason) const noexcept {
    return drops[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }
};

}  // namespace flatline
