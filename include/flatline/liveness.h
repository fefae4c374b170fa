// The vocabulary of verdicts: liveness, health, why either changed, and their names in text.
// Used by both planes, by subscribers and on the wire (the numbers never change their meaning).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flatline {

//             first heartbeat            deadline                confirmation
//   unknown ------------------> alive ------------> suspect ------------------> dead
//      |                         ^ ^                   | heartbeat                | heartbeat
//      | never heard             | +-------------------+                          |
//      +-----> dead              +------------------------------------------------+
//   any of them --leave--> left --heartbeat of a higher incarnation--> alive
enum class Liveness : std::uint8_t { kUnknown = 0, kAlive = 1, kSuspect = 2, kDead = 3, kLeft = 4 };

// What the endpoint says of itself. Apart from liveness: a failing endpoint may be well alive.
enum class Health : std::uint8_t { kUnknown = 0, kReady = 1, kDegraded = 2, kFailing = 3 };

enum class Reason : std::uint8_t {
  kNone = 0,
  kFirstHeartbeat = 1,       // unknown -> alive
  kDeadlineMissed = 2,       // alive -> suspect
  kNotConfirmed = 3,         // suspect -> dead: silent through the confirmation time too
  kNeverHeard = 4,           // unknown -> dead: enrolled, and never spoke
  kHeartbeatResumed = 5,     // suspect or dead -> alive, the same incarnation
  kRestarted = 6,            // a higher incarnation was heard
  kLeaveReceived = 7,        // any -> left, on the endpoint's own word
  kRetired = 8,              // any -> unknown, and no longer watched, on the operator's word
  kHealthReported = 9,       // a change of health
  kWorkerStalled = 10,       // blind: a poll core was not polling
  kLinkDown = 11,            // blind: a port had no link
  kFramesMissed = 12,        // blind: the NIC counted frames that it could not deliver
  kDataplaneRestarted = 13,  // blind: there was no dataplane
  kOverloaded = 14,          // blind: a receive queue could not be drained
  kGuard = 15,               // the guard begins to hold verdicts back, or leaves (guard.h)
  kMassFailure = 16,         // so many of a group, or of all, fell silent; or that is over
  kFlapping = 17,            // of one that changes too often nothing is told from here on
  kQuietAgain = 18,          // of one that did, as it is now
  kMaintenance = 19,         // an operator's word that silence is expected, or is not any more
  kProbeAnswered = 20,       // unknown, suspect or dead -> alive: it answered what we asked
  kProbeUnanswered = 21,     // suspect -> dead: every probe unanswered, by one who used to answer
  kHeartbeatLate = 24,       // suspect or dead -> alive: it was sent in time, and came late
  kLeaseGranted = 26,        // nobody had the lease; a greater token than ever
  kLeaseExpired = 27,        // its term ran out, and nothing was heard of its holder's renewing it
  kLeaseReleased = 28,       // its holder gave it back
  kCorroborated = 30,        // suspect -> dead before the whole confirmation: there is evidence
};

inline constexpr std::array<std::string_view, 5> kLivenessNames{
    "unknown", "alive", "suspect", "dead", "left"};
inline constexpr std::array<std::string_view, 4> kHealthNames{
    "unknown", "ready", "degraded", "failing"};
inline constexpr std::array<std::string_view, 31> kReasonNames{"none",
                                                               "first-heartbeat",
                                                               "deadline-missed",
                                                               "not-confirmed",
                                                               "never-heard",
                                                               "heartbeat-resumed",
                                                               "restarted",
                                                               "leave-received",
                                                               "retired",
                                                               "health-reported",
                                                               "worker-stalled",
                                                               "link-down",
                                                               "frames-missed",
                                                               "dataplane-restarted",
                                                               "overloaded",
                                                               "guard",
                                                               "mass-failure",
                                                               "flapping",
                                                               "quiet-again",
                                                               "maintenance",
                                                               "probe-answered",
                                                               "probe-unanswered",
                                                               "?",
                                                               "?",
                                                               "heartbeat-late",
                                                               "?",
                                                               "lease-granted",
                                                               "lease-expired",
                                                               "lease-released",
                                                               "?",
                                                               "corroborated"};

template <std::size_t kSize, typename Enum>
constexpr std::string_view NameIn(const std::array<std::string_view, kSize>& names,
                                  Enum value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < kSize ? names[index] : std::string_view{"?"};
}

constexpr std::string_view NameOf(Liveness liveness) noexcept {
  return NameIn(kLivenessNames, liveness);
}

constexpr std::string_view NameOf(Health health) noexcept {
  return NameIn(kHealthNames, health);
}

constexpr std::string_view NameOf(Reason reason) noexcept {
  return NameIn(kReasonNames, reason);
}

}  // namespace flatline
