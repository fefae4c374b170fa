#include "dataplane/shard.h"

#include <flatline/check.h>

#include <algorithm>
#include <utility>

namespace flatline {

namespace {

// Blocks whose quarantine may end in one turn.
constexpr std::size_t kReclaimBudget = 256;

}  // namespace

std::expected<std::unique_ptr<Shard>, std::string> Shard::Create(const RegionView& region,
                                                                 unsigned number,
                                                                 const Moment& stopped,
                                                                 GroupSilence* groups,
                                                                 const EnrolmentLimits& limits) {
  const ShardSlots slots = ShardSlots::Of(region, number);
  auto index =
      EndpointIndex::Create(region.records(), static_cast<std::uint32_t>(slots.records.size()));
  if (!index) {
    return std::unexpected(index.error());
  }
  auto table = EndpointTable::Create(slots);
  if (!table) {
    return std::unexpected(table.error());
  }
  auto wheel = TimingWheel::Create(table->block_count(), TickOf(stopped.hearing));
  if (!wheel) {
    return std::unexpected(wheel.error());
  }
  auto payloads = PayloadPool::Create(region.payloads(number), region.header().hash_key);
  if (!payloads) {
    return std::unexpected(payloads.error());
  }
  std::unique_ptr<Shard> out(
      new Shard(region,
                number,
                {std::move(*index), std::move(*table), std::move(*wheel), std::move(*payloads)},
                groups,
                limits));
  if (out->probe_rounds_ != nullptr) {
    auto unanswered =
        PageArray<std::uint64_t>::Create(out->table_.block_count(), "what probes have shown");
    if (!unanswered) {
      return std::unexpected(unanswered.error());
    }
    out->unanswered_ = std::move(*unanswered);
  }
  out->Adopt(stopped);
  out->AdoptPayloads();
  return out;
}

Shard::Shard(const RegionView& region,
             unsigned number,
             Parts parts,
             GroupSilence* groups,
             const EnrolmentLimits& limits) noexcept
    : region_(region),
      number_(number),
      hash_key_(region.header().hash_key),
      enrolment_closed_(region.header().enrolment_closed.load(std::memory_order_relaxed) != 0),
      enrolment_limit_(limits, hash_key_),
      detector_(
          region.header().profiles,
          static_cast<ProfileId>(region.header().default_profile.load(std::memory_order_relaxed))),
      probe_plans_(region.header().profiles, detector_.default_profile()),
      probe_rounds_(probe_plans_.any() ? std::make_unique<ProbeRounds>() : nullptr),
      index_(std::move(parts.index)),
      table_(std::move(parts.table)),
      wheel_(std::move(parts.wheel)),
      payloads_(std::move(parts.payloads)),
      died_(region.header().guard.window),
      groups_(groups) {
  table_.CountGroupsIn(groups == nullptr ? nullptr : &groups->of(number));
}

HearOutcome Shard::Hear(const Handoff& heard,
                        Arrived arrived,
                        const Moment& moment,
                        TransitionProducer& ring,
                        Tally& tally) noexcept {
  Turn turn{moment, ring, tally};
  if (heard.heartbeat.kind == HeartbeatKind::kProbeReply ||
      heard.heartbeat.kind == HeartbeatKind::kProbe) [[unlikely]] {
    return HearAnswer(heard, turn);
  }
  const EndpointId id = heard.heartbeat.id;
  Slot slot = index_.Find(id, HashOf(id));
  if (slot == kNoSlot) {
    const std::expected<Slot, DropReason> admitted = Admit(heard, turn);
    if (!admitted) {
      tally.Drop(admitted.error());
      return {.drop = admitted.error()};
    }
    slot = *admitted;
  }
  return HearKnown(heard, slot, arrived, turn);
}

// Enters as unknown; the same heartbeat then makes it alive. Should the ring be full, or this
// process be killed in between, an enrolled endpoint is left that speaks again soon.
std::expected<Slot, DropReason> Shard::Admit(const Handoff& heard, Turn& turn) noexcept {
  const Heartbeat& heartbeat = heard.heartbeat;
  if (heartbeat.kind != HeartbeatKind::kHeartbeat || enrolment_closed_) {
    return std::unexpected(DropReason::kUnknownEndpoint);
  }
  if (heartbeat.profile != kDefaultProfile && !detector_.Knows(heartbeat.profile)) {
    return std::unexpected(DropReason::kUnknownProfile);
  }
  const std::uint64_t free = table_.capacity() - table_.size() - table_.quarantined();
  if (const auto refused = enrolment_limit_.Take(heard.source, free, turn.moment.now)) {
    return std::unexpected(*refused);
  }
  Newcomer newcomer;
  newcomer.id = heartbeat.id;
  newcomer.group = heard.group;
  newcomer.heard = {heard.stamp, heartbeat.sequence - 1};
  newcomer.state.profile = detector_.WantedProfile(detector_.default_profile(), heartbeat.profile);
  newcomer.source = heard.source;
  const Slot slot = Enter(newcomer, turn);
  if (slot == kNoSlot) {
    return std::unexpected(DropReason::kTableFull);
  }
  turn.tally.Add(Counter::kEnrolled);
  return slot;
}

HearOutcome Shard::HearKnown(const Handoff& heard,
                             Slot slot,
                             Arrived arrived,
                             Turn& turn) noexcept {
  const Heartbeat& heartbeat = heard.heartbeat;
  EndpointRecord& record = table_.record(slot);
  const RecordView seen = View(record);
  const Consideration verdict = detector_.Consider(seen, heartbeat, arrived);
  if (!verdict.stamps && !verdict.concerns_owner) {
    turn.tally.Drop(verdict.drop);
    return {.drop = verdict.drop};
  }
  // Stamped and counted by the worker that received it.
  const bool done = verdict.stamps && arrived == Arrived::kFromWorker &&
                    heartbeat.sequence == seen.heard.sequence;
  if (verdict.stamps && !done) {
    StampOwn(record, heartbeat.sequence, heard.stamp);
    NoteGap(record, seen, detector_.sampling(), heartbeat.sequence, heard.stamp);
  }
  const Change change = detector_.Decide(seen, heartbeat);
  if (!Make(change, heard, slot, seen, turn) && !verdict.stamps) {
    if (heartbeat.kind == HeartbeatKind::kHeartbeat) {
      StampSpoken(record, seen, heard.stamp);
    }
    return {};
  }
  NotePort(slot, heard.source.port, turn.tally);
  if (!done) {
    turn.tally.Add(heartbeat.kind == HeartbeatKind::kLeave ? Counter::kLeaves
                                                           : Counter::kHeartbeats);
  }
  const ProfileId has = seen.state.profile;
  const ProfileId wanted = detector_.WantedProfile(has, heartbeat.profile);
  if (wanted != has && heartbeat.kind == HeartbeatKind::kHeartbeat) {
    slot = Move(slot, wanted, turn);
  }
  const auto state =
      EndpointState::Unpack(table_.record(slot).state.load(std::memory_order_relaxed));
  return {.counted = true, .slot = slot, .profile = state.profile};
}

// Tells the change, and makes it. False: the ring is full, and nothing was done.
bool Shard::Make(const Change& change,
                 const Handoff& heard,
                 Slot slot,
                 const RecordView& seen,
                 Turn& turn) noexcept {
  if (change.kind == Change::Kind::kNone) {
    return true;
  }
  const Heartbeat& heartbeat = heard.heartbeat;
  const std::int64_t silence = AgeOf(heard.before.value_or(seen.heard.stamp), heard.stamp);
  Verdict verdict{.slot = slot,
                  .reason = change.reason,
                  .next = change.next,
                  .incarnation = heartbeat.incarnation,
                  .sequence = heartbeat.sequence,
                  .silence = SilenceOf(silence)};
  if (const auto late = LatenessOf(heard, change, slot, silence, turn.moment)) {
    verdict.reason = Reason::kHeartbeatLate;
    verdict.silence = *late;
  }
  if (change.kind != Change::Kind::kQuiet && !Publish(verdict, turn)) {
    return false;
  }
  EndpointRecord& record = table_.record(slot);
  // The incarnation before the sequence: see View.
  record.incarnation.store(heartbeat.incarnation, std::memory_order_release);
  record.heard.store(Heard{heard.stamp, heartbeat.sequence}.Pack(), std::memory_order_release);
  if (change.reason == Reason::kFirstHeartbeat || change.reason == Reason::kRestarted) {
    record.arrival.store(0, std::memory_order_relaxed);
  }
  if (change.kind == Change::Kind::kLiveness && change.next.liveness == Liveness::kAlive) {
    MoveTo(slot, heard.source, change.reason, turn.tally);
  }
  table_.SetState(slot, change.next);
  Watch(slot, turn.moment.hearing);
  turn.ring.Made();
  return true;
}

std::optional<CommandResult> Shard::Execute(const Command& command,
                                            const Moment& moment,
                                            TransitionProducer& ring,
                                            Tally& tally) noexcept {
  Turn turn{moment, ring, tally};
  CommandResult out{.ticket = command.ticket, .slot = kNoSlot, .status = CommandStatus::kDone};
  const std::uint64_t hash = HashOf(command.id);
  if (ShardOf(hash, region_.shape().workers) != number_) {
    out.status = CommandStatus::kNotOwner;
  } else if (command.kind == CommandKind::kEnrol) {
    out.status = Enrol(command, turn, out.slot);
  } else if (command.kind != CommandKind::kRetire && !IsLocating(command.kind)) {
    out.status = CommandStatus::kNoSuchOrder;
  } else if (out.slot = index_.Find(command.id, hash); out.slot == kNoSlot) {
    out.status = CommandStatus::kUnknownEndpoint;
  } else if (IsLocating(command.kind)) {
    out.status = Locate(command, out.slot);
  } else if (!Retire(out.slot, turn)) {
    return std::nullopt;
  }
  return out;
}

CommandStatus Shard::Enrol(const Command& command, Turn& turn, Slot& slot) noexcept {
  if (command.id == kNoEndpoint) {
    return CommandStatus::kUnknownEndpoint;
  }
  if (command.profile != kDefaultProfile && !detector_.Knows(command.profile)) {
    return CommandStatus::kUnknownProfile;
  }
  slot = index_.Find(command.id, HashOf(command.id));
  if (slot != kNoSlot) {
    table_.SetGroup(slot, command.group);
    const ProfileId has = View(table_.record(slot)).state.profile;
    const ProfileId wanted = detector_.WantedProfile(has, command.profile);
    if (wanted == has) {
      return CommandStatus::kAlreadyEnrolled;
    }
    const Slot before = std::exchange(slot, Move(slot, wanted, turn));
    return slot == before ? CommandStatus::kTableFull : CommandStatus::kAlreadyEnrolled;
  }
  Newcomer newcomer;
  newcomer.id = command.id;
  newcomer.group = command.group;
  newcomer.heard.stamp = StampOf(turn.moment.hearing);
  newcomer.state.profile = detector_.WantedProfile(detector_.default_profile(), command.profile);
  slot = Enter(newcomer, turn);
  if (slot == kNoSlot) {
    return CommandStatus::kTableFull;
  }
  turn.tally.Add(Counter::kEnrolled);
  return CommandStatus::kDone;
}

bool Shard::Retire(Slot slot, Turn& turn) noexcept {
  const RecordView seen = View(table_.record(slot));
  EndpointState next = seen.state;
  next.liveness = Liveness::kUnknown;
  if (!Publish({.slot = slot,
                .reason = Reason::kRetired,
                .next = next,
                .incarnation = seen.incarnation,
                .sequence = seen.heard.sequence,
                .silence = SilenceOf(AgeOf(seen.heard.stamp, StampOf(turn.moment.hearing)))},
               turn)) {
    return false;
  }
  Dismiss(slot);
  turn.ring.Made();
  turn.tally.Add(Counter::kRetired);
  return true;
}

// To a slot among those of another profile; the same one where there is no room.
Slot Shard::Move(Slot slot, ProfileId profile, Turn& turn) noexcept {
  const EndpointRecord& record = table_.record(slot);
  const RecordView seen = View(record);
  Newcomer newcomer;
  newcomer.id = record.id.load(std::memory_order_relaxed);
  newcomer.incarnation = seen.incarnation;
  newcomer.group = table_.group(slot);
  newcomer.heard = seen.heard;
  newcomer.arrival = Arrival::Unpack(record.arrival.load(std::memory_order_relaxed));
  newcomer.state = seen.state;
  newcomer.state.profile = profile;
  newcomer.source = table_.address(slot);
  const Slot to = Enter(newcomer, turn);
  if (to == kNoSlot) {
    return slot;
  }
  Leave(slot);
  return to;
}

Slot Shard::Enter(const Newcomer& newcomer, Turn& turn) noexcept {
  const Slot slot = table_.Enrol(newcomer);
  if (slot != kNoSlot) {
    index_.Insert(HashOf(newcomer.id), slot);
    Watch(slot, turn.moment.hearing);
  }
  return slot;
}

void Shard::Leave(Slot slot) noexcept {
  index_.Remove(HashOf(table_.record(slot).id.load(std::memory_order_relaxed)), slot);
  table_.Retire(slot);
}

// For good: not to another slot.
void Shard::Dismiss(Slot slot) noexcept {
  payloads_.Forget(table_.record(slot).id.load(std::memory_order_relaxed));
  Leave(slot);
}

// Sees to it that the block has an entry in the wheel, if this record needs one. The entry that is
// there, if any, is early enough: at most the least timeout from a visit that was earlier than now.
void Shard::Watch(Slot slot, HearingInstant hearing) noexcept {
  const RecordView seen = View(table_.record(slot));
  const std::uint32_t block = table_.BlockOf(slot);
  if (!IsWatched(seen.state.liveness) || wheel_.armed(block)) {
    return;
  }
  const std::int64_t age = AgeOf(seen.heard.stamp, HorizonStamp(hearing));
  const std::int64_t least{detector_.TimingOf(table_.ProfileOf(block)).silence.least};
  wheel_.Arm(block, DueTickAfter(hearing, std::min(least - age, least)));
}

bool Shard::Publish(const Verdict& verdict, Turn& turn) noexcept {
  const EndpointRecord& record = table_.record(verdict.slot);
  const auto before = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  const bool is_health = verdict.reason == Reason::kHealthReported;
  Transition* const entry = turn.ring.Claim();
  if (entry == nullptr) [[unlikely]] {
    turn.tally.Add(Counter::kRingFull);
    return false;
  }
  Transition& told = *entry;  // every field is written below
  told.at = turn.moment.now;
  told.silence = verdict.silence;
  told.id = record.id.load(std::memory_order_relaxed);
  told.incarnation = verdict.incarnation;
  told.sequence = verdict.sequence;
  told.slot = verdict.slot;
  told.group = table_.group(verdict.slot);
  told.profile = verdict.next.profile;
  told.kind = is_health ? TransitionKind::kHealth : TransitionKind::kLiveness;
  told.from = is_health ? static_cast<std::uint8_t>(before.health)
                        : static_cast<std::uint8_t>(before.liveness);
  told.to = is_health ? static_cast<std::uint8_t>(verdict.next.health)
                      : static_cast<std::uint8_t>(verdict.next.liveness);
  told.reason = verdict.reason;
  told.health = verdict.next.health;
  told.liveness = verdict.next.liveness;
  told.port = 0;
  told.evidence = verdict.evidence;
  turn.ring.Publish();
  CountTransition(told, turn);
  return true;
}

// When one who is dead died, about and at the earliest, as its record says. Nullopt: it was never
// heard, and so is not counted.
std::optional<Instant> Shard::DiedAbout(const RecordView& seen,
                                        const Moment& moment) const noexcept {
  if (!WasHeard(seen.incarnation, seen.heard.sequence)) {
    return std::nullopt;
  }
  const Timing& timing = detector_.TimingOf(seen.state.profile);
  const std::int64_t dead_for = AgeOf(seen.heard.stamp, HorizonStamp(moment.hearing)) -
                                timing.silence.least - timing.confirmations.back();
  return moment.now - SilenceOf(dead_for);
}

void Shard::CountDeath(Group group, Instant at) noexcept {
  died_.Add(at);
  if (groups_ != nullptr) {
    groups_->of(number_).Died(group, at);
  }
}

// One who was dead is back, has left or is watched no more: none of them is silent. Asks its record
// as it still is.
void Shard::TakeBackDeath(const Transition& told, const Moment& moment) noexcept {
  if (const auto died = DiedAbout(View(table_.record(told.slot)), moment)) {
    died_.TakeBack(*died, moment.now);
    if (groups_ != nullptr) {
      groups_->of(number_).TakeBack(told.group, *died, moment.now);
    }
  }
}

void Shard::CountTransition(const Transition& told, Turn& turn) noexcept {
  Tally& tally = turn.tally;
  tally.Add(Counter::kTransitions);
  if (told.kind != TransitionKind::kLiveness) {
    return;
  }
  const auto from = static_cast<Liveness>(told.from);
  if (from == Liveness::kDead) {
    TakeBackDeath(told, turn.moment);
  }
  if (told.reason == Reason::kRetired) {
    return;
  }
  if (told.liveness == Liveness::kSuspect) {
    tally.Add(Counter::kSuspicions);
  } else if (told.liveness == Liveness::kDead) {
    tally.Add(Counter::kDeaths);
    tally.Add(Counter::kCorroborations,
              static_cast<std::uint64_t>(told.reason == Reason::kCorroborated));
    if (WasHeard(told.incarnation, told.sequence)) {
      CountDeath(told.group, told.at);
    }
  } else if (told.liveness == Liveness::kAlive &&
             (from == Liveness::kSuspect || from == Liveness::kDead)) {
    tally.Add(Counter::kRecoveries);
    tally.Add(Counter::kLateRecoveries,
              static_cast<std::uint64_t>(told.reason == Reason::kHeartbeatLate));
  }
}

void Shard::Reclaim(const Moment& moment) noexcept {
  table_.Reclaim(moment.hearing, moment.horizon, kReclaimBudget);
}

// Who was never heard is no evidence: an enrolment of many who do not speak yet says nothing of us.
void Shard::CountInto(WorkerProgress& progress, HearingInstant horizon, Instant now) noexcept {
  const Tick tick = TickOf(horizon);
  const Tick expired = wheel_.behind(tick) ? std::min(tick, wheel_.now() - 1) : tick;
  const std::uint64_t suspect = table_.count(Liveness::kSuspect);
  const std::uint64_t died = died_.Sum(now);
  const std::uint64_t watched = table_.count(Liveness::kAlive) + suspect + died;
  progress.suspect.store(static_cast<std::uint32_t>(suspect), std::memory_order_relaxed);
  progress.died.store(static_cast<std::uint32_t>(died), std::memory_order_relaxed);
  progress.watched.store(static_cast<std::uint32_t>(watched), std::memory_order_relaxed);
  // Release: who sees it sees the counts.
  progress.expired_ns.store((kTick * static_cast<std::int64_t>(expired)).count(),
                            std::memory_order_release);
}

void Shard::CountInto(Tally& tally) const noexcept {
  tally.Set(Counter::kUnknown, table_.count(Liveness::kUnknown));
  tally.Set(Counter::kAlive, table_.count(Liveness::kAlive));
  tally.Set(Counter::kSuspect, table_.count(Liveness::kSuspect));
  tally.Set(Counter::kDead, table_.count(Liveness::kDead));
  tally.Set(Counter::kLeft, table_.count(Liveness::kLeft));
  tally.Set(Counter::kPayloadEntries, payloads_.size());
  tally.Set(Counter::kGroupsUncounted, groups_ == nullptr ? 0 : groups_->of(number_).uncounted());
}

}  // namespace flatline
