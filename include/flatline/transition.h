// One change that the detector vouches for, with its evidence: one cache line, written by the
// worker that owns the endpoint, read by control out of the transition ring. Pure value, trivially
// copyable. Bounds: silence saturates nowhere, it is 64-bit nanoseconds.
#pragma once

#include <flatline/confirmation.h>
#include <flatline/endpoint.h>
#include <flatline/liveness.h>
#include <flatline/time.h>

#include <cstdint>
#include <type_traits>

namespace flatline {

enum class TransitionKind : std::uint8_t {
  kLiveness = 1,  // from and to are Liveness
  kHealth = 2,    // from and to are Health
  kBlind = 3,     // an interval in which the detector cannot vouch; id is kNoEndpoint
  kGroup = 5,     // of a group, or of the fleet: begins (`to` 1) or is over (0), `from` is a
                  // GroupCause; `incarnation` endpoints of `sequence`; id is kNoEndpoint
  kLease = 8,     // of a lease: begins (`to` 1) or is over (0) for `id`, of `group`; `from` is the
                  // LeaseSpace, `silence` the number, `incarnation` and `sequence` the halves of
                  // the token, high one first; `life` the incarnation of its holder
};

struct alignas(64) Transition {
  Instant at{};        // when it was decided; for kBlind the end of the interval
  Duration silence{};  // hearing time since the last heartbeat; for kBlind the interval's length
  EndpointId id = kNoEndpoint;
  std::uint32_t incarnation = 0;
  std::uint32_t sequence = 0;  // of the last heartbeat heard
  Slot slot = kNoSlot;
  Group group = kNoGroup;
  ProfileId profile = kDefaultProfile;
  TransitionKind kind = TransitionKind::kLiveness;
  std::uint8_t from = 0;
  std::uint8_t to = 0;
  Reason reason = Reason::kNone;
  Health health = Health::kUnknown;        // after the transition
  Liveness liveness = Liveness::kUnknown;  // after the transition
  std::uint8_t port = 0;                   // kBlind: the port concerned, 0xFF for all
  std::uint32_t life = 0;                  // kLease
  Evidence evidence = 0;                   // suspect -> dead: what spoke for it beside silence
};

// Whether it is about one endpoint, whose record it changes.
constexpr bool ConcernsEndpoint(const Transition& transition) noexcept {
  return transition.kind == TransitionKind::kLiveness || transition.kind == TransitionKind::kHealth;
}

static_assert(sizeof(Transition) == 64);
static_assert(std::is_trivially_copyable_v<Transition>);

}  // namespace flatline
