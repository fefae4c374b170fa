// What the shard does as time passes: visits the blocks that the wheel says are due.
#include "dataplane/shard.h"

#include <algorithm>
#include <bit>

namespace flatline {

namespace {

// A stamp that is further ahead of the present than this was stored before blind time was known.
// Nearer ones may come from a worker whose turn began later than the owner's; a turn longer than
// this is blind time itself.
constexpr std::int64_t kFutureSlack = StampUnits(Milliseconds(10));

// Stamps lie on a circle; more than this (2.4 hours) is as good as nothing cleared.
constexpr std::int64_t kMostUncleared = std::int64_t{1} << 27;

// How late a verdict may be that was held back, after the guard has left: many are held at once.
constexpr std::int64_t kHoldRecheck = StampUnits(Milliseconds(1000));

// The state of a record that is alive in a profile, whatever its health.
constexpr std::uint32_t kAllButHealth = 0xFFFF00FFU;

constexpr std::uint32_t AliveIn(ProfileId profile) noexcept {
  return EndpointState{Liveness::kAlive, Health::kUnknown, profile}.Pack();
}

std::uint64_t ArrivalOf(const EndpointRecord& record) noexcept {
  return record.arrival.load(std::memory_order_relaxed);
}

}  // namespace

bool Shard::Expire(const Moment& moment,
                   std::size_t budget,
                   TransitionProducer& ring,
                   Tally& tally) noexcept {
  Turn turn{moment, ring, tally};
  const Tick horizon = TickOf(moment.horizon);
  const std::size_t visited = wheel_.Expire(
      horizon,
      budget,
      [this](std::uint32_t block) noexcept { PrefetchBlock(block); },
      [&](std::uint32_t block) noexcept { return VisitBlock(block, turn); });
  tally.Add(Counter::kVisits, visited);
  const bool left = wheel_.behind(horizon);
  if (left) {
    tally.Add(Counter::kExpireDeferred);
  }
  return left;
}

void Shard::PrefetchBlock(std::uint32_t block) const noexcept {
  const EndpointRecord* records = &table_.record(table_.FirstSlot(block));
  for (Slot i = 0; i < kBlockSlots; i += 2) {
    __builtin_prefetch(records + i);
  }
}

// How many steps it was. 0: the ring is full; the wheel keeps the block, and the visit is made
// again next turn.
std::size_t Shard::VisitBlock(std::uint32_t block, Turn& turn) noexcept {
  const ProfileId profile = table_.ProfileOf(block);
  const Stamp horizon = HorizonStamp(turn.moment.horizon);
  const std::uint32_t routine = AliveIn(profile);
  const SilenceRule& rule = detector_.TimingOf(profile).silence;
  const bool by_history = !rule.is_constant();
  const std::int64_t least{rule.least};
  const Slot first = table_.FirstSlot(block);
  const std::uint64_t pushed = turn.ring.pushed();
  std::int64_t wait = least;
  bool watched = false;
  for (std::uint64_t taken = table_.TakenIn(block); taken != 0; taken &= taken - 1) {
    const Slot slot = first + static_cast<Slot>(std::countr_zero(taken));
    const EndpointRecord& record = table_.record(slot);
    const std::uint32_t state = record.state.load(std::memory_order_relaxed);
    const std::int64_t age =
        AgeOf(Heard::Unpack(record.heard.load(std::memory_order_relaxed)).stamp, horizon);
    const std::int64_t timeout =
        by_history ? std::int64_t{AllowedSilence(rule, ArrivalOf(record))} : least;
    if ((state & kAllButHealth) == routine && age >= 0 && age < timeout) [[likely]] {
      wait = std::min(wait, timeout - age);
      watched = true;
      continue;
    }
    const std::optional<std::int64_t> judged = JudgeRecord(slot, turn);
    if (!judged) {
      return 0;
    }
    if (*judged != kForever) {
      wait = std::min(wait, *judged);
      watched = true;
    }
  }
  if (watched) {
    wheel_.Arm(block, DueTickAfter(turn.moment.horizon, wait));
  }
  return kVisitSteps + (turn.ring.pushed() - pushed);
}

// Stamp units since a blindness of a length that matters to this profile was over.
[[gnu::always_inline]] inline std::int64_t Shard::DeafAgo(const Timing& timing,
                                                          const Moment& moment) const noexcept {
  const std::int64_t until_ns =
      region_.header().deaf_until_ns[timing.deafness].load(std::memory_order_relaxed);
  return until_ns == 0 ? kForever
                       : (moment.horizon - HearingInstant{Duration{until_ns}}) / kStampUnit;
}

// Where somebody asks, no silence counts before ten round trips. Of a suspect more may matter than
// its record.
[[gnu::always_inline]] inline Judgement Shard::JudgeAsOf(const Moment& moment,
                                                         std::int64_t back,
                                                         Slot slot,
                                                         const RecordView& seen) const noexcept {
  const Stamp horizon = HorizonStamp(moment.horizon) - static_cast<Stamp>(back);
  const std::uint64_t arrival = ArrivalOf(table_.record(slot));
  const Judgement out =
      probe_rounds_ == nullptr
          ? detector_.Judge(seen.state, arrival, seen.heard.stamp, horizon)
          : detector_.JudgeFar(seen.state, arrival, seen.heard.stamp, horizon, FloorOf(slot, seen));
  const Timing& timing = detector_.TimingOf(seen.state.profile);
  const bool is_doubtful =
      seen.state.liveness == Liveness::kSuspect &&
      (timing.recheck != 0 ||
       (out.liveness == Liveness::kDead && DeafAgo(timing, moment) - back < timing.confirmation));
  return is_doubtful ? JudgeSuspectAsOf(moment, back, slot, seen) : out;
}

Judgement Shard::JudgeSuspectAsOf(const Moment& moment,
                                  std::int64_t back,
                                  Slot slot,
                                  const RecordView& seen) const noexcept {
  const Grounds grounds{.floor = probe_rounds_ == nullptr ? 0 : FloorOf(slot, seen),
                        .evidence = EvidenceOf(slot, seen, moment.now),
                        .deaf_ago = DeafAgo(detector_.TimingOf(seen.state.profile), moment) - back};
  return detector_.JudgeSuspect(seen.state,
                                ArrivalOf(table_.record(slot)),
                                seen.heard.stamp,
                                HorizonStamp(moment.horizon) - static_cast<Stamp>(back),
                                grounds);
}

// What speaks for the death of a suspect, where its profile weighs that.
Evidence Shard::EvidenceOf(Slot slot, const RecordView& seen, Instant now) const noexcept {
  if (detector_.TimingOf(seen.state.profile).recheck == 0) [[likely]] {
    return 0;
  }
  Evidence out = seen.state.health == Health::kFailing ? kHealthFailing : Evidence{0};
  if (WasUnanswered(slot)) {
    out |= kProbesUnanswered;
  }
  if (groups_ != nullptr && IsFalling(groups_->Of(table_.group(slot), now))) {
    out |= kGroupFalling;
  }
  return out;
}

// Makes every step that is due. The stamp is read anew before each: it may have been moved by
// another worker. Returns the wait until the next step can be due; nullopt: the ring is full.
std::optional<std::int64_t> Shard::JudgeRecord(Slot slot, Turn& turn) noexcept {
  const Stamp horizon = HorizonStamp(turn.moment.horizon);
  EndpointRecord& record = table_.record(slot);
  for (;;) {
    const RecordView seen = View(record);
    if (IsWatched(seen.state.liveness) && PullBack(record, seen, turn.moment.hearing)) {
      continue;
    }
    const Judgement judgement = JudgeAsOf(turn.moment, 0, slot, seen);
    if (judgement.reason == Reason::kNone) {
      return judgement.wait;
    }
    if (const std::int64_t wait = GuardWait(judgement, slot, seen, turn.moment); wait != 0) {
      return wait;
    }
    EndpointState next = seen.state;
    next.liveness = judgement.liveness;
    if (!Publish({.slot = slot,
                  .reason = judgement.reason,
                  .next = next,
                  .incarnation = seen.incarnation,
                  .sequence = seen.heard.sequence,
                  .silence = SilenceOf(AgeOf(seen.heard.stamp, horizon)),
                  .evidence = judgement.liveness == Liveness::kDead
                                  ? EvidenceOf(slot, seen, turn.moment.now)
                                  : Evidence{0}},
                 turn)) {
      return std::nullopt;
    }
    table_.SetState(slot, next);
    turn.ring.Made();
    if (judgement.reason == Reason::kDeadlineMissed && probe_rounds_ != nullptr) {
      BeginRound(slot, seen, turn);
    }
  }
}

// 0: the step may be made. Else, for the verdict `dead`, when to ask again. It passes only when
// every suspicion of its time has been counted, by all workers, and the guard has not begun to
// hold: so that of many who fall silent together none is told of before the last has been counted.
std::int64_t Shard::GuardWait(const Judgement& due,
                              Slot slot,
                              const RecordView& seen,
                              const Moment& moment) const noexcept {
  if (due.liveness != Liveness::kDead) {
    return 0;
  }
  const Timing& timing = detector_.TimingOf(seen.state.profile);
  if (moment.holds) [[unlikely]] {
    return std::min(std::int64_t{timing.silence.least}, kHoldRecheck);
  }
  if (moment.eased < timing.reprieve) [[unlikely]] {
    return std::min(timing.reprieve - moment.eased, kHoldRecheck);
  }
  const std::int64_t back = std::min(moment.uncleared, kMostUncleared) - timing.slack;
  if (back <= 0) [[likely]] {
    return GroupWait(slot, seen, moment);
  }
  return JudgeAsOf(moment, back, slot, seen).liveness == Liveness::kDead
             ? GroupWait(slot, seen, moment)
             : 1;
}

// The same by the guard of its group. The guard of the fleet has been asked: the suspicions of its
// time have been counted, those of the group among them.
std::int64_t Shard::GroupWait(Slot slot,
                              const RecordView& seen,
                              const Moment& moment) const noexcept {
  const Group group = table_.group(slot);
  if (group_guards_ == nullptr || !group_guards_->watches() || group == kNoGroup) [[likely]] {
    return 0;
  }
  const Timing& timing = detector_.TimingOf(seen.state.profile);
  const GroupStance stance = group_guards_->StanceOf(group);
  if (stance.holds) {
    return std::min(std::int64_t{timing.silence.least}, kHoldRecheck);
  }
  if (stance.passes) {
    return 0;
  }
  if (stance.eased) {
    const std::int64_t ago = (moment.horizon - *stance.eased) / kStampUnit;
    if (ago < timing.reprieve) {
      return std::min(timing.reprieve - ago, kHoldRecheck);
    }
  }
  return group_guards_->MustAsk(number_, group, moment.now) ? 1 : 0;
}

// A stamp from before blind time was known would hide a death until hearing time has caught up.
bool Shard::PullBack(EndpointRecord& record,
                     const RecordView& seen,
                     HearingInstant hearing) noexcept {
  const Stamp present = StampOf(hearing);
  if (AgeOf(seen.heard.stamp, present) >= -kFutureSlack) [[likely]] {
    return false;
  }
  Restamp(record, seen, present);
  return true;
}

// Where somebody else stamps in between, theirs is the better one.
void Shard::Restamp(EndpointRecord& record, const RecordView& seen, Stamp stamp) noexcept {
  std::uint64_t expected = seen.heard.Pack();
  record.heard.compare_exchange_strong(expected,
                                       Heard{stamp, seen.heard.sequence}.Pack(),
                                       std::memory_order_acq_rel,
                                       std::memory_order_relaxed);
}

}  // namespace flatline
