#include "dataplane/detector.h"

#include <flatline/region.h>

#include <algorithm>
#include <cstddef>

namespace flatline {

namespace {

// On the circle of sequence numbers (RFC 1982).
bool IsNewer(std::uint32_t sequence, std::uint32_t known, Arrived arrived) noexcept {
  const auto ahead = static_cast<std::int32_t>(sequence - known);
  return arrived == Arrived::kFromWorker ? ahead >= 0 : ahead > 0;
}

// Three ticks of the wheel: the guard is never as quick as the horizon.
constexpr std::uint32_t kLeastSlack = 48;

// A suspect to whom witnesses may come is looked at so many times between the least of its
// confirmation and the whole.
constexpr std::uint32_t kRechecks = 8;
constexpr std::uint32_t kTickUnits = 16;

// Which length of blindness matters, as 2^n ms: from a quarter of a confirmation down to the next
// power of two; a shorter one swallows no heartbeat that the confirmation has not room for.
std::uint8_t DeafnessOf(Duration confirmation) noexcept {
  std::uint8_t out = 0;
  while (out + 1U < kDeafnesses && Milliseconds(std::int64_t{2} << out) <= confirmation / 4) {
    ++out;
  }
  return out;
}

Timing TimingFor(const Profile& profile) noexcept {
  Timing out{.silence = RuleOf(profile),
             .confirmation = StampUnits(profile.confirmation),
             .slack = 0,
             .reprieve = StampUnits(std::max(profile.confirmation, profile.interval)),
             .confirmations = {},
             .recheck = 0,
             .deafness = DeafnessOf(profile.confirmation)};
  for (int witnesses = 0; witnesses <= kMostWitnesses; ++witnesses) {
    out.confirmations[static_cast<std::size_t>(witnesses)] =
        StampUnits(ConfirmationBy(witnesses, profile));
  }
  const std::uint32_t least = out.confirmations.back();
  out.slack = std::min(least, std::max(least / 8, kLeastSlack));
  if (IsShortened(profile)) {
    out.recheck = std::max((out.confirmation - least) / kRechecks, kTickUnits);
  }
  return out;
}

Consideration Dropped(DropReason reason) noexcept {
  return {.stamps = false, .concerns_owner = false, .drop = reason};
}

// By the age of its last stamp, the silence allowed and the confirmation, in stamp units.
[[gnu::always_inline]] inline Judgement JudgeAt(Liveness liveness,
                                                std::int64_t age,
                                                std::int64_t suspect_at,
                                                std::int64_t confirmation) noexcept {
  const std::int64_t dead_at = suspect_at + confirmation;
  switch (liveness) {
    case Liveness::kAlive:
      if (age >= suspect_at) {
        return {Liveness::kSuspect, Reason::kDeadlineMissed, 0};
      }
      return {Liveness::kAlive, Reason::kNone, suspect_at - age};
    case Liveness::kSuspect:
      if (age >= dead_at) {
        return {Liveness::kDead, Reason::kNotConfirmed, 0};
      }
      if (age < suspect_at) {
        return {Liveness::kAlive, Reason::kHeartbeatResumed, 0};
      }
      return {Liveness::kSuspect, Reason::kNone, dead_at - age};
    case Liveness::kUnknown:
      if (age >= dead_at) {
        return {Liveness::kDead, Reason::kNeverHeard, 0};
      }
      return {Liveness::kUnknown, Reason::kNone, dead_at - age};
    case Liveness::kDead:
    case Liveness::kLeft:
      break;
  }
  return {liveness, Reason::kNone, kForever};
}

}  // namespace

Detector::Detector(const std::array<Profile, kMaxProfiles>& profiles,
                   ProfileId default_profile) noexcept
    : sampling_(profiles), default_profile_(default_profile) {
  const bool has_default = default_profile < kMaxProfiles && profiles[default_profile].in_use();
  const Timing fallback =
      TimingFor(has_default ? profiles[default_profile] : kBuiltInProfiles.back());
  timings_.fill(fallback);
  for (ProfileId id = kFirstBuiltInProfile; id < kMaxProfiles; ++id) {
    if (profiles[id].in_use()) {
      timings_[id] = TimingFor(profiles[id]);
      in_use_ |= std::uint64_t{1} << id;
    }
  }
}

Judgement Detector::Judge(const EndpointState& state,
                          std::uint64_t arrival,
                          Stamp heard,
                          Stamp horizon) const noexcept {
  const Timing& timing = TimingOf(state.profile);
  return JudgeAt(state.liveness,
                 AgeOf(heard, horizon),
                 AllowedSilence(timing.silence, arrival),
                 timing.confirmation);
}

Judgement Detector::JudgeFar(const EndpointState& state,
                             std::uint64_t arrival,
                             Stamp heard,
                             Stamp horizon,
                             std::uint32_t floor) const noexcept {
  const Timing& timing = TimingOf(state.profile);
  return JudgeAt(state.liveness,
                 AgeOf(heard, horizon),
                 std::max(AllowedSilence(timing.silence, arrival), floor),
                 timing.confirmation);
}

Judgement Detector::JudgeSuspect(const EndpointState& state,
                                 std::uint64_t arrival,
                                 Stamp heard,
                                 Stamp horizon,
                                 const Grounds& grounds) const noexcept {
  const Timing& timing = TimingOf(state.profile);
  const std::int64_t whole{timing.confirmation};
  const std::int64_t age = AgeOf(heard, horizon);
  const std::int64_t suspect_at{std::max(AllowedSilence(timing.silence, arrival), grounds.floor)};
  const auto witnesses = static_cast<std::size_t>(WitnessesIn(grounds.evidence));
  const std::int64_t confirmation{timing.confirmations[witnesses]};
  Judgement out = JudgeAt(Liveness::kSuspect, age, suspect_at, confirmation);
  if (out.liveness == Liveness::kDead) {
    const std::int64_t wait = grounds.deaf_ago >= whole ? 0
                                                        : std::min(whole - grounds.deaf_ago,
                                                                   suspect_at + 2 * whole - age);
    if (wait > 0) {
      return {Liveness::kSuspect, Reason::kNone, wait};
    }
    out.reason = age < suspect_at + whole ? Reason::kCorroborated : Reason::kNotConfirmed;
  } else if (out.reason == Reason::kNone && timing.recheck != 0) {
    const std::int64_t least{timing.confirmations.back()};
    const std::int64_t next = suspect_at + least - age;
    out.wait = std::min(out.wait, next > 0 ? next : std::int64_t{timing.recheck});
  }
  return out;
}

Consideration Detector::Consider(const RecordView& record,
                                 const Heartbeat& heartbeat,
                                 Arrived arrived) const noexcept {
  if (heartbeat.kind != HeartbeatKind::kHeartbeat && heartbeat.kind != HeartbeatKind::kLeave)
      [[unlikely]] {
    return Dropped(DropReason::kUnknownKind);
  }
  const bool leaves = heartbeat.kind == HeartbeatKind::kLeave;
  if (record.state.liveness == Liveness::kUnknown) [[unlikely]] {
    // Nothing was heard yet, so nothing is old. The stamp moves the never-heard deadline.
    return {.stamps = !leaves, .concerns_owner = true};
  }
  if (heartbeat.incarnation != record.incarnation) [[unlikely]] {
    return heartbeat.incarnation < record.incarnation
               ? Dropped(DropReason::kOldIncarnation)
               : Consideration{.stamps = false, .concerns_owner = true};
  }
  if (!IsNewer(heartbeat.sequence, record.heard.sequence, arrived)) [[unlikely]] {
    return Dropped(DropReason::kOldSequence);
  }
  if (record.state.liveness == Liveness::kLeft) [[unlikely]] {
    // That life is over; only a later one comes back.
    return Dropped(DropReason::kOldIncarnation);
  }
  if (leaves || record.state.liveness == Liveness::kDead) [[unlikely]] {
    return {.stamps = false, .concerns_owner = true};
  }
  return {.stamps = true, .concerns_owner = !IsRoutine(record, heartbeat)};
}

bool Detector::IsRoutine(const RecordView& record, const Heartbeat& heartbeat) const noexcept {
  const EndpointState& state = record.state;
  return state.liveness == Liveness::kAlive && heartbeat.health == state.health &&
         (heartbeat.profile == kDefaultProfile || heartbeat.profile == state.profile ||
          WantedProfile(state.profile, heartbeat.profile) == state.profile);
}

Change Detector::Decide(const RecordView& record, const Heartbeat& heartbeat) const noexcept {
  using Kind = Change::Kind;
  EndpointState next = record.state;
  if (heartbeat.kind == HeartbeatKind::kLeave) {
    next.liveness = Liveness::kLeft;
    return record.state.liveness == Liveness::kLeft
               ? Change{Kind::kQuiet, Reason::kNone, next}
               : Change{Kind::kLiveness, Reason::kLeaveReceived, next};
  }
  next.liveness = Liveness::kAlive;
  next.health = heartbeat.health;
  if (record.state.liveness == Liveness::kUnknown) {
    return {Kind::kLiveness, Reason::kFirstHeartbeat, next};
  }
  if (heartbeat.incarnation != record.incarnation) {
    return {Kind::kLiveness, Reason::kRestarted, next};
  }
  if (record.state.liveness != Liveness::kAlive) {
    return {Kind::kLiveness, Reason::kHeartbeatResumed, next};
  }
  if (heartbeat.health != record.state.health) {
    return {Kind::kHealth, Reason::kHealthReported, next};
  }
  return {Kind::kNone, Reason::kNone, next};
}

}  // namespace flatline
