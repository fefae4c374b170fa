// Every rule of liveness, in one place and pure: what the silence of an endpoint means at the
// horizon (Judge), and what a heartbeat means for the record it found (Consider). Called by any
// worker, by value, with time as an argument; changes nothing itself: the shard does (shard.h), as
// the owner of the record. Assumes profiles that were checked when loaded: timeout and confirmation
// within 24 hours each. Cost: a few comparisons, and what the profile's rule of silence costs
// (flatline/detectors.h); no memory beyond 2.5 KiB of timings.
//
// Stamps lie on a circle of 78 hours. Of it the 4.9 hours ahead of the horizon count as the future
// and all else as the past, so the longest silence that a profile can ask for (48 hours) fits.
#pragma once

#include "dataplane/arrival_history.h"

#include <flatline/confirmation.h>
#include <flatline/detectors.h>
#include <flatline/drop_reason.h>
#include <flatline/heartbeat.h>
#include <flatline/profile.h>
#include <flatline/record.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <limits>

namespace flatline {

// A profile in stamp units, each rounded up.
struct Timing {
  SilenceRule silence;             // until suspect
  std::uint32_t confirmation = 0;  // of more silence until dead
  std::uint32_t slack = 0;         // so much less may be cleared by the guard than is to be dead
  std::uint32_t reprieve = 0;      // after a hold: a confirmation, and time to be heard in
  // The confirmation by the number of witnesses; of none the whole of it.
  std::array<std::uint32_t, kMostWitnesses + 1> confirmations{};
  // A suspect that may gain witnesses is looked at so often, once the least is over; 0: they make
  // no difference.
  std::uint32_t recheck = 0;
  std::uint8_t deafness = 0;  // blindness of this length and more matters (RegionHeader)
};

// The last stamp that the horizon has passed for certain: stamps round up, so this rounds down, and
// no deadline is missed early.
constexpr Stamp HorizonStamp(HearingInstant horizon) noexcept {
  return static_cast<Stamp>(horizon.time_since_epoch().count() >> kStampShift);
}

inline constexpr std::uint32_t kFutureStamps = 1U << 28;  // 4.9 hours

// How long before `horizon` the stamp is, in stamp units; negative where it is ahead.
constexpr std::int64_t AgeOf(Stamp stamp, Stamp horizon) noexcept {
  const std::uint32_t behind = horizon - stamp;
  return behind > std::numeric_limits<std::uint32_t>::max() - kFutureStamps
             ? std::int64_t{behind} - (std::int64_t{1} << 32)
             : std::int64_t{behind};
}

// An age as a silence; a stamp that is ahead means none.
constexpr Duration SilenceOf(std::int64_t age) noexcept {
  return kStampUnit * (age > 0 ? age : 0);
}

// Whether time alone can change it.
constexpr bool IsWatched(Liveness liveness) noexcept {
  return liveness == Liveness::kUnknown || liveness == Liveness::kAlive ||
         liveness == Liveness::kSuspect;
}

// What an endpoint should be as of the horizon.
struct Judgement {
  Liveness liveness = Liveness::kUnknown;  // as it is, or the next step from there
  Reason reason = Reason::kNone;           // of that step; kNone: none is due
  std::int64_t wait = 0;                   // where none is due: stamp units until one can be
};

inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

// What matters for a suspect beside its record.
struct Grounds {
  std::uint32_t floor = 0;           // stamp units: no shorter silence is suspect
  Evidence evidence = 0;             // that it is dead
  std::int64_t deaf_ago = kForever;  // stamp units since we were deaf for long
};

// A record as it was at one instant, as far as a heartbeat is concerned.
struct RecordView {
  EndpointState state;
  Heard heard;
  std::uint32_t incarnation = 0;
};

// The record as it is now. `heard` is read before `incarnation`, which the owner writes first in a
// restart: who then replaces exactly this `heard` (StampForeign) cannot put the sequence of an
// earlier life over the first one of the next.
inline RecordView View(const EndpointRecord& record) noexcept {
  RecordView out;
  out.heard = Heard::Unpack(record.heard.load(std::memory_order_acquire));
  out.incarnation = record.incarnation.load(std::memory_order_acquire);
  out.state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  return out;
}

// What a heartbeat of this id asks for.
struct Consideration {
  // It counts, and the record's stamp moves: anybody may do it, at once.
  bool stamps = false;
  // The owner must hear of it, because it changes what is known (liveness, health, incarnation,
  // profile). Where `stamps` is set too, stamping comes first: should the owner not hear of it in
  // time (its ring is full), no verdict is wrong, for it reads the stamp again before it judges.
  bool concerns_owner = false;
  // Neither: it is dropped for this.
  DropReason drop = DropReason::kOldSequence;
};

// What the record becomes by a heartbeat that concerns the owner. One transition at most: where
// liveness and health change together, the one of liveness carries the new health.
struct Change {
  enum class Kind : std::uint8_t { kNone, kQuiet, kLiveness, kHealth };

  Kind kind = Kind::kNone;  // kQuiet: nobody is told (a later life of one that had left, leaves)
  Reason reason = Reason::kNone;
  EndpointState next;
};

// Whether the heartbeat comes from another worker's ring. If so, that worker may have stored its
// sequence already: the same one is then not old.
enum class Arrived : std::uint8_t { kFromNetwork, kFromWorker };

class Detector {
 public:
  // `profiles` by id. `default_profile` stands in for a record whose profile is not in use.
  Detector(const std::array<Profile, kMaxProfiles>& profiles, ProfileId default_profile) noexcept;

  // The timeout is what the profile's rule allows this history. alive -> suspect at stamp +
  // timeout; suspect -> dead at that + confirmation; suspect -> alive where the stamp is younger
  // than the timeout; unknown -> dead at stamp (of the enrolment) + timeout + confirmation. Dead
  // and left ones wait for a heartbeat. One step at a time: judge again after it has been made.
  // `arrival` is packed, as in the record: most profiles need not open it.
  [[nodiscard]] Judgement Judge(const EndpointState& state,
                                std::uint64_t arrival,
                                Stamp heard,
                                Stamp horizon) const noexcept;

  // The same of one that is far away: no silence shorter than `floor`, in stamp units, is suspect,
  // whatever the rule says.
  [[nodiscard]] Judgement JudgeFar(const EndpointState& state,
                                   std::uint64_t arrival,
                                   Stamp heard,
                                   Stamp horizon,
                                   std::uint32_t floor) const noexcept;

  // Of one that is suspect. Its confirmation is the shorter the more evidence there is. It is of a
  // piece, too: after a blindness of a quarter of it or more we hear for one whole confirmation
  // before anybody is dead, though none is made longer than twice by this.
  [[nodiscard]] Judgement JudgeSuspect(const EndpointState& state,
                                       std::uint64_t arrival,
                                       Stamp heard,
                                       Stamp horizon,
                                       const Grounds& grounds) const noexcept;

  // The sentence on each line of tests/dataplane/detector_test.cc. Kinds other than heartbeat and
  // leave are dropped as kUnknownKind.
  [[nodiscard]] Consideration Consider(const RecordView& record,
                                       const Heartbeat& heartbeat,
                                       Arrived arrived) const noexcept;

  // Owner: what a heartbeat that concerns it changes. Profile moves are not in it (WantedProfile).
  [[nodiscard]] Change Decide(const RecordView& record, const Heartbeat& heartbeat) const noexcept;

  // The profile an endpoint is to be in: the one it asks for, where that is configured, else the
  // one it has. An unknown wish from a known endpoint is no reason to call it dead.
  [[nodiscard]] ProfileId WantedProfile(ProfileId has, ProfileId asked) const noexcept {
    return asked != kDefaultProfile && Knows(asked) ? asked : has;
  }

  [[nodiscard]] bool Knows(ProfileId profile) const noexcept {
    return profile < kMaxProfiles && ((in_use_ >> profile) & 1U) != 0;
  }

  [[nodiscard]] HistorySampling sampling() const noexcept { return sampling_; }

  [[nodiscard]] ProfileId default_profile() const noexcept { return default_profile_; }

  [[nodiscard]] const Timing& TimingOf(ProfileId profile) const noexcept {
    return timings_[profile < kMaxProfiles ? profile : kDefaultProfile];
  }

 private:
  [[nodiscard]] bool IsRoutine(const RecordView& record, const Heartbeat& heartbeat) const noexcept;

  std::array<Timing, kMaxProfiles> timings_{};
  std::uint64_t in_use_ = 0;
  HistorySampling sampling_;
  ProfileId default_profile_;
};

// How stamps get into records.

// By the owner of the record, after Consider said `stamps`. A plain store.
inline void StampOwn(EndpointRecord& record, std::uint32_t sequence, Stamp stamp) noexcept {
  record.heard.store(Heard{stamp, sequence}.Pack(), std::memory_order_relaxed);
}

// The same by any other worker, as of `seen`. False where somebody stored something else in the
// meantime: View and Consider again.
inline bool StampForeign(EndpointRecord& record,
                         const RecordView& seen,
                         std::uint32_t sequence,
                         Stamp stamp) noexcept {
  std::uint64_t expected = seen.heard.Pack();
  return record.heard.compare_exchange_strong(expected,
                                              Heard{stamp, sequence}.Pack(),
                                              std::memory_order_acq_rel,
                                              std::memory_order_relaxed);
}

// The gap that a heartbeat ended, into the history. A call, lest the path of those who need none of
// it be laid out around it.
[[gnu::noinline]] inline void RememberGap(EndpointRecord& record,
                                          Heard before,
                                          Heard after) noexcept {
  const std::uint64_t word = Remember(record.arrival.load(std::memory_order_relaxed),
                                      StampDifference(after.stamp, before.stamp),
                                      after.sequence - before.sequence);
  record.arrival.store(word, std::memory_order_relaxed);
}

// After the stamp, by whoever stored it. Not where the gap ended in suspicion: such a pause is told
// already; were it remembered, the next one would be waited for.
inline void NoteGap(EndpointRecord& record,
                    const RecordView& seen,
                    HistorySampling sampling,
                    std::uint32_t sequence,
                    Stamp stamp) noexcept {
  const EndpointId id = record.id.load(std::memory_order_relaxed);
  if (sampling.Takes(seen.state.profile, id, sequence) && seen.state.liveness == Liveness::kAlive)
      [[unlikely]] {
    RememberGap(record, seen.heard, {stamp, sequence});
  }
}

// By anybody, for a heartbeat of a later life that could not be acted on for want of room in a
// ring: moves the stamp and leaves the sequence, so that nobody is called silent who has just
// spoken. The endpoint's next heartbeat tries again.
inline void StampSpoken(EndpointRecord& record, const RecordView& seen, Stamp stamp) noexcept {
  std::uint64_t expected = seen.heard.Pack();
  record.heard.compare_exchange_strong(expected,
                                       Heard{stamp, seen.heard.sequence}.Pack(),
                                       std::memory_order_acq_rel,
                                       std::memory_order_relaxed);
}

}  // namespace flatline
