// What the shard does with probes: finds out who is to be asked, and what an answer, or none,
// means.
#include "dataplane/shard.h"

#include <flatline/round_trip.h>

#include <algorithm>
#include <cstring>

namespace flatline {
namespace {

// How many pulls lie between an answer and what was heard before: where answers are all that is
// heard, each counts as a heartbeat, and those that were lost in between count as lost.
std::uint32_t StepsTo(Stamp stamp, Stamp before, const ProbePlan& plan) noexcept {
  const auto pace = static_cast<std::int32_t>(std::max(1U, StampUnits(plan.pace())));
  return static_cast<std::uint32_t>(
      std::max(1, (StampDifference(stamp, before) + pace / 2) / pace));
}

// What an answer says, as the heartbeat that it stands for.
Handoff AsHeartbeat(const Handoff& heard,
                    const RecordView& seen,
                    const SourceAddress& address,
                    Stamp stamp) noexcept {
  Handoff out = heard;
  out.stamp = stamp;
  out.source = address;
  // No heartbeat on its way is made old by it; of a later life none has been heard yet.
  out.heartbeat.sequence =
      heard.heartbeat.incarnation == seen.incarnation ? seen.heard.sequence : 0;
  if (heard.heartbeat.kind == HeartbeatKind::kProbe) {
    out.heartbeat.health = seen.state.health;
  }
  out.heartbeat.kind = HeartbeatKind::kHeartbeat;
  return out;
}

}  // namespace

// Two things keep an endpoint from being suspect too early: how far away it is known to be, and,
// of one that only answers, how much more seldom than its profile says we ask: as many laps have to
// pass as its profile allows intervals. A suspect has been heard out (SettleLaps).
std::uint32_t Shard::FloorOf(Slot slot, const RecordView& seen) const noexcept {
  const Duration trips = kRoundTripsOfSilence * RoundTripOf(table_.address(slot).round_trip);
  const std::uint32_t floor = StampUnits(std::min(trips, kMostTimeout));
  if (seen.state.liveness == Liveness::kSuspect || !IsAskedLate(seen)) [[likely]] {
    return floor;
  }
  const double laps = detector_.TimingOf(seen.state.profile).silence.most *
                      probe_plans_.Of(seen.state.profile).stretch();
  constexpr std::uint32_t kMost = StampUnits(kMostTimeout);
  return std::max(floor, laps < kMost ? static_cast<std::uint32_t>(laps) : kMost);
}

bool Shard::IsAskedLate(const RecordView& seen) const noexcept {
  return !HasBeaten(seen.heard) && probe_plans_.Of(seen.state.profile).stretch() > 1.0;
}

// One becomes suspect after so many laps: from here on its silence counts as if it had been asked
// once an interval, so that it is confirmed as long as any other, whatever the next lap takes.
// Returns its stamp.
Stamp Shard::SettleLaps(Slot slot, RecordView seen, Stamp horizon) noexcept {
  if (!IsAskedLate(seen)) [[likely]] {
    return seen.heard.stamp;
  }
  EndpointRecord& record = table_.record(slot);
  seen.state.liveness = Liveness::kSuspect;
  const std::int64_t silence =
      std::max(AllowedSilence(detector_.TimingOf(seen.state.profile).silence,
                              record.arrival.load(std::memory_order_relaxed)),
               FloorOf(slot, seen));
  const std::int64_t surplus =
      std::max<std::int64_t>(AgeOf(seen.heard.stamp, horizon) - silence, 0);
  return MoveStamp(record, seen, horizon, static_cast<std::uint32_t>(surplus));
}

void Shard::Excuse(Slot slot, const Moment& moment) noexcept {
  EndpointRecord& record = table_.record(slot);
  const RecordView seen = View(record);
  const bool is_waited_for =
      seen.state.liveness == Liveness::kAlive || seen.state.liveness == Liveness::kUnknown;
  if (is_waited_for && !HasBeaten(seen.heard)) {
    MoveStamp(record,
              seen,
              HorizonStamp(moment.horizon),
              StampUnits(probe_plans_.Of(seen.state.profile).pace()));
  }
}

// By so many units later, and not beyond the horizon. Returns what it is.
Stamp Shard::MoveStamp(EndpointRecord& record,
                       const RecordView& seen,
                       Stamp horizon,
                       std::uint32_t units) noexcept {
  const std::int64_t age = AgeOf(seen.heard.stamp, horizon);
  const Stamp moved =
      seen.heard.stamp + static_cast<Stamp>(std::clamp<std::int64_t>(age, 0, units));
  Restamp(record, seen, moved);
  return moved;
}

void Shard::BeginRound(Slot slot, const RecordView& seen, Turn& turn) noexcept {
  const ProbePlan& plan = probe_plans_.Of(seen.state.profile);
  const Stamp heard = SettleLaps(slot, seen, HorizonStamp(turn.moment.horizon));
  if (plan.kind == ProbeKind::kOff || plan.probes == 0) {
    return;
  }
  NoteUnanswered(slot, false);
  const Moment& moment = turn.moment;
  const ProbeRound round{
      .due = moment.horizon,
      .id = table_.record(slot).id.load(std::memory_order_relaxed),
      .slot = slot,
      .heard = heard,
      .blind = moment.now.time_since_epoch() - moment.hearing.time_since_epoch()};
  if (!probe_rounds_->Begin(round)) {
    turn.tally.Add(Counter::kProbesUnbooked);
  }
}

bool Shard::WasUnanswered(Slot slot) const noexcept {
  return unanswered_.size() != 0 &&
         ((unanswered_[table_.BlockOf(slot)] >> slot % kBlockSlots) & 1U) != 0;
}

void Shard::NoteUnanswered(Slot slot, bool unanswered) noexcept {
  std::uint64_t& word = unanswered_[table_.BlockOf(slot)];
  const std::uint64_t bit = std::uint64_t{1} << slot % kBlockSlots;
  word = unanswered ? word | bit : word & ~bit;
}

bool Shard::Condemn(
    Slot slot, Stamp heard, const Moment& moment, TransitionProducer& ring, Tally& tally) noexcept {
  Turn turn{moment, ring, tally};
  const RecordView seen = View(table_.record(slot));
  if (seen.state.liveness != Liveness::kSuspect || seen.heard.stamp != heard) {
    return true;
  }
  const Timing& timing = detector_.TimingOf(seen.state.profile);
  if (timing.recheck != 0) {
    NoteUnanswered(slot, true);
    return JudgeRecord(slot, turn).has_value();
  }
  if (moment.holds || moment.eased < timing.reprieve || moment.uncleared > timing.slack) {
    return true;  // the guard has not looked, or holds: silence will decide
  }
  if (GroupWait(slot, seen, moment) != 0) {
    return true;  // likewise that of its group
  }
  EndpointState next = seen.state;
  next.liveness = Liveness::kDead;
  if (!Publish({.slot = slot,
                .reason = Reason::kProbeUnanswered,
                .next = next,
                .incarnation = seen.incarnation,
                .sequence = seen.heard.sequence,
                .silence = SilenceOf(AgeOf(heard, HorizonStamp(moment.horizon)))},
               turn)) {
    return false;
  }
  table_.SetState(slot, next);
  ring.Made();
  return true;
}

// By the way that its profile asks, from where it was asked, of this life or a later one.
bool Shard::IsAnswerTo(const Handoff& heard,
                       const RecordView& seen,
                       const SourceAddress& asked) const noexcept {
  const ProbePlan& plan = probe_plans_.Of(seen.state.profile);
  const bool is_echo = heard.heartbeat.kind == HeartbeatKind::kProbe;
  if (plan.kind != (is_echo ? ProbeKind::kEcho : ProbeKind::kNative) ||
      seen.state.liveness == Liveness::kLeft || asked.ip != heard.source.ip ||
      (!is_echo && asked.udp_port != heard.source.udp_port)) {
    return false;
  }
  // An echo repeats the incarnation that was known when it was sent.
  return is_echo ? heard.heartbeat.incarnation == seen.incarnation
                 : heard.heartbeat.incarnation >= seen.incarnation;
}

// An answer proves that the endpoint was there when the probe was sent, and no more: it is heard as
// of then, so that an answer sent again keeps nobody alive.
HearOutcome Shard::HearAnswer(const Handoff& heard, Turn& turn) noexcept {
  const Heartbeat& answer = heard.heartbeat;
  const Slot slot = index_.Find(answer.id, HashOf(answer.id));
  if (slot == kNoSlot) {
    turn.tally.Add(Counter::kProbesUnmatched);
    return {};
  }
  EndpointRecord& record = table_.record(slot);
  const RecordView seen = View(record);
  SourceAddress& address = table_.address(slot);
  const ProbePlan& plan = probe_plans_.Of(seen.state.profile);
  const HearingInstant present = turn.moment.hearing;
  const Duration trip = std::max(SinceProbe(answer.sequence, present), Duration{0});
  // By the horizon, which stood still while we did: one that lay here meanwhile came in time.
  const bool is_late = SinceProbe(answer.sequence, turn.moment.horizon) > plan.patience;
  if (!IsAnswerTo(heard, seen, address) || is_late) {
    turn.tally.Add(Counter::kProbesUnmatched);
    return {};
  }
  turn.tally.Add(Counter::kProbeReplies);
  const Stamp stamp = StampOf(present - trip);
  if (seen.state.liveness != Liveness::kUnknown && StampDifference(stamp, seen.heard.stamp) <= 0) {
    return {};  // nothing new, perhaps the same answer again: it measures nothing either
  }
  if (trip <= plan.patience) {  // else it is ours as well
    address.round_trip = NextRoundTrip(address.round_trip, trip);
  }
  const Handoff as_heartbeat = AsHeartbeat(heard, seen, address, stamp);
  Change change = detector_.Decide(seen, as_heartbeat.heartbeat);
  if (change.kind == Change::Kind::kNone) {
    if (StampForeign(record, seen, seen.heard.sequence, stamp) && plan.pulls &&
        !HasBeaten(seen.heard)) {
      RememberGap(record, seen.heard, {stamp, StepsTo(stamp, seen.heard.stamp, plan)});
    }
    return {};
  }
  if (change.reason == Reason::kHeartbeatResumed || change.reason == Reason::kFirstHeartbeat) {
    if (change.reason == Reason::kFirstHeartbeat) {
      record.arrival.store(0, std::memory_order_relaxed);
    }
    change.reason = Reason::kProbeAnswered;
  }
  if (!Make(change, as_heartbeat, slot, seen, turn)) {  // the ring is full: who was heard was heard
    StampSpoken(record, seen, stamp);
  }
  return {};
}

// What the operator says of where an endpoint is. Not asked until all of it is said.
CommandStatus Shard::Locate(const Command& command, Slot slot) noexcept {
  SourceAddress& address = table_.address(slot);
  const auto part =
      static_cast<std::size_t>(command.kind) - static_cast<std::size_t>(CommandKind::kLocateFirst);
  std::uint8_t* const to = address.ip.data() + 6 * part;
  for (std::size_t i = 0; i < 4; ++i) {
    to[i] = static_cast<std::uint8_t>(command.group >> (24 - 8 * i));
  }
  if (command.kind == CommandKind::kLocateLast) {
    address.udp_port = command.profile;
    address.port = kAnyPort;
    address.round_trip = 0;
    return CommandStatus::kDone;
  }
  to[4] = static_cast<std::uint8_t>(command.profile >> 8);
  to[5] = static_cast<std::uint8_t>(command.profile & 0xFFU);
  address.port = kNoPort;
  return CommandStatus::kDone;
}

}  // namespace flatline
