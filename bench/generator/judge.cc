#include "bench/generator/judge.h"

namespace flatline::generator {

namespace {

constexpr std::size_t kMostExamples = 10;

// Intervals this long are held against verdicts, less a margin at each end: short ones may have
// been merged on their way, with the time between them.
constexpr Duration kLongBlind = std::chrono::seconds(1);
constexpr Duration kBlindMargin = std::chrono::milliseconds(100);

constexpr bool IsDeathly(std::uint8_t flags) noexcept {
  return (flags & (kMuted | kDied)) != 0;
}

Duration NeededFor(const Cohort& cohort, Liveness verdict) noexcept {
  return verdict == Liveness::kDead ? cohort.timeout + cohort.confirmation : cohort.timeout;
}

}  // namespace

Judge::Judge(const Fleet& fleet, Truth& truth, const JudgeOptions& options)
    : fleet_(&fleet), truth_(&truth), options_(options), standings_(fleet.size()) {
  tally_.told[static_cast<std::size_t>(Liveness::kUnknown)] = fleet.size();
  findings_.endpoints = fleet.size();
}

void Judge::Hear(std::span<const DeliveryRecord> records, Elapsed received) {
  AbsorbGaps();
  for (const DeliveryRecord& record : records) {
    ++findings_.stream.records;
    if (!Follow(record)) {
      continue;
    }
    switch (record.kind) {
      case RecordKind::kLiveness:
      case RecordKind::kSnapshotRow:
        HearLiveness(record, received);
        break;
      case RecordKind::kBlind: {
        const Elapsed end{record.at_ns - options_.epoch_ns};
        const Elapsed begin = end - Duration{record.silence_ns};
        blind_.Add(begin, end);
        if (end - begin >= kLongBlind) {
          long_blind_.Add(begin + kBlindMargin, end - kBlindMargin);
        }
        break;
      }
      case RecordKind::kReset:
        ++findings_.stream.resets;
        Forget();
        break;
      case RecordKind::kSnapshotBegin:
        Forget();
        break;
      default:
        break;
    }
  }
}

bool Judge::Follow(const DeliveryRecord& record) {
  switch (record.kind) {
    case RecordKind::kLiveness:
    case RecordKind::kHealth:
    case RecordKind::kBlind:
    case RecordKind::kReset:
    case RecordKind::kGroup:
    case RecordKind::kFlapping:
    case RecordKind::kMaintenance:
      break;
    case RecordKind::kLease:
      if (is_amid_snapshot_) {
        return true;  // a row of it, with its sequence
      }
      break;
    case RecordKind::kGap:
      ++findings_.stream.gaps;
      sequence_ = record.sequence;
      return true;
    case RecordKind::kSnapshotBegin:
    case RecordKind::kSnapshotEnd:
      is_amid_snapshot_ = record.kind == RecordKind::kSnapshotBegin;
      sequence_ = record.sequence;
      return true;
    default:
      return true;
  }
  if (sequence_ && record.sequence <= *sequence_) {
    ++findings_.stream.duplicates;
    return false;
  }
  if (sequence_) {
    findings_.stream.holes += record.sequence - *sequence_ - 1;
  }
  sequence_ = record.sequence;
  return true;
}

void Judge::HearLiveness(const DeliveryRecord& record, Elapsed received) {
  const auto index = fleet_->IndexOf(record.endpoint);
  if (!index) {
    ++findings_.stream.foreign;
    return;
  }
  if (record.incarnation < options_.incarnation) {
    ++findings_.stream.former;
    return;
  }
  const auto liveness = static_cast<Liveness>(record.to);
  if (static_cast<std::size_t>(liveness) >= kLivenessNames.size()) {
    return;
  }
  Record(*index, liveness);
  const bool is_verdict = liveness == Liveness::kSuspect || liveness == Liveness::kDead;
  if (is_verdict && record.kind == RecordKind::kLiveness) {
    HearVerdict(record, *index, received);
  }
}

void Judge::Record(Index index, Liveness liveness) {
  Standing& standing = standings_[index];
  --tally_.told[static_cast<std::size_t>(standing.liveness)];
  ++tally_.told[static_cast<std::size_t>(liveness)];
  standing.liveness = liveness;
  if (liveness == Liveness::kAlive && !standing.was_alive) {
    standing.was_alive = true;
    ++findings_.ever_alive;
  }
}

void Judge::Forget() {
  for (Standing& standing : standings_) {
    standing.liveness = Liveness::kUnknown;
  }
  tally_.told = {};
  tally_.told[static_cast<std::size_t>(Liveness::kUnknown)] = fleet_->size();
}

void Judge::HearVerdict(const DeliveryRecord& record, Index index, Elapsed received) {
  const auto verdict = static_cast<Liveness>(record.to);
  const bool is_death = verdict == Liveness::kDead;
  const Elapsed at{record.at_ns - options_.epoch_ns};
  const Duration needed = NeededFor(fleet_->Of(index), verdict);
  tally_.deaths += is_death ? 1 : 0;
  const auto silence = Explain(index, at, needed);
  if (!silence) {
    ++tally_.false_verdicts;
    ++(is_death ? findings_.false_dead : findings_.false_suspect);
    if (findings_.examples.size() < kMostExamples) {
      findings_.examples.push_back({record.endpoint,
                                    verdict,
                                    at,
                                    truth_->Of(index).left_at(),
                                    Duration{record.silence_ns},
                                    record.heartbeat_sequence,
                                    record.sequence});
    }
    return;
  }
  Told& told = told_[KeyOf(index, silence->from)];
  (is_death ? told.dead : told.suspect) = true;
  (is_death ? overshoot_dead_ : overshoot_suspect_).Add(at - silence->begin() - needed);
  if (!is_death) {
    overshoot_hearing_.Add(at - silence->begin() - needed - blind_.Within(silence->begin(), at));
  }
  (is_death ? detection_dead_ : detection_suspect_).Add(received - silence->begin());
}

void Judge::AbsorbGaps() {
  const std::size_t first = gaps_.size();
  truth_->TakeGaps(gaps_);
  previous_.resize(gaps_.size());
  for (std::size_t i = first; i < gaps_.size(); ++i) {
    std::uint32_t& last = last_gap_[gaps_[i].index];
    previous_[i] = last;
    last = static_cast<std::uint32_t>(i + 1);
  }
}

// The silence that explains a verdict: the one that lasts still, or a logged one.
std::optional<Judge::Silence> Judge::Explain(Index index, Elapsed at, Duration needed) {
  const Life life = truth_->Of(index);
  if (life.has_spoken() && !life.Is(kAbsent) && HasPassed(life.left_at(), at, needed)) {
    return Silence{index, life.stamp, life.flags};
  }
  AbsorbGaps();  // whatever made `life` young is in the log by now
  const auto last = last_gap_.find(index);
  for (std::uint32_t i = last == last_gap_.end() ? 0 : last->second; i != 0; i = previous_[i - 1]) {
    const Gap& gap = gaps_[i - 1];
    if (Covers(gap, at, needed)) {
      return Silence{index, gap.from, gap.flags};
    }
  }
  return std::nullopt;
}

bool Judge::HasPassed(Elapsed begin, Elapsed at, Duration needed) const {
  return begin + needed + long_blind_.Within(begin, at) <= at + options_.early;
}

bool Judge::Covers(const Gap& gap, Elapsed at, Duration needed) const {
  const bool had_left = (gap.flags & kAbsent) != 0;
  return !had_left && HasPassed(gap.begin(), at, needed) &&
         at <= gap.end() + options_.grace + blind_.Within(gap.end(), at);
}

Judge::Told Judge::ToldOf(Index index, std::uint32_t from) const {
  const auto found = told_.find(KeyOf(index, from));
  return found == told_.end() ? Told{} : found->second;
}

// Whether a death by a silence that began then should have been told by that instant.
bool Judge::IsDue(Index index, Elapsed begin, Elapsed by) const {
  const Cohort& cohort = fleet_->Of(index);
  return begin + cohort.timeout + cohort.confirmation + options_.slack + blind_.Within(begin, by) <=
         by;
}

// Whether it is alive and heard for all that we know.
bool Judge::Beats(Index index, const Life& life, Elapsed now) const {
  const Cohort& cohort = fleet_->Of(index);
  return life.has_spoken() && !life.Is(kMuted | kDied | kLeaving | kAbsent | kLost | kRefused) &&
         now - life.left_at() <= cohort.interval + cohort.jitter + options_.grace;
}

bool Judge::Waits(Elapsed now, Elapsed closed) {
  AbsorbGaps();
  const bool in_time = now < closed + options_.slack + blind_.Within(closed, now);
  for (Index index = 0; index < fleet_->size(); ++index) {
    const Life life = truth_->Of(index);
    if (!life.has_spoken()) {
      continue;
    }
    const Liveness told = standings_[index].liveness;
    bool waits = false;
    if (life.Is(kGone)) {
      waits = in_time && told != Liveness::kLeft;
    } else if (IsDeathly(life.flags) && !life.Is(kBack)) {
      waits = !ToldOf(index, life.stamp).dead && !IsDue(index, life.left_at(), now);
    } else {
      waits = in_time && told != Liveness::kAlive;
    }
    if (waits) {
      return true;
    }
  }
  return false;
}

void Judge::CountSilence(const Silence& silence, bool was_due, bool is_over, Findings& out) const {
  const Told told = ToldOf(silence.index, silence.from);
  if ((silence.flags & kAbsent) != 0) {
    return;
  }
  if (!IsDeathly(silence.flags)) {
    CountSilenceOfTheLiving(told, (silence.flags & kLost) != 0, out);
  } else if (told.dead || was_due) {
    ++out.killed;
    out.told += told.dead ? 1 : 0;
  } else if (!is_over) {
    ++out.undecided;
  }
}

void Judge::CountSilenceOfTheLiving(Told told, bool was_lossy, Findings& out) {
  if (!told.suspect && !told.dead) {
    return;
  }
  if (was_lossy) {
    ++out.mistakes;
    out.mistaken_dead += told.dead ? 1 : 0;
  } else {
    ++out.own_silences;
  }
}

void Judge::CountEndpoint(Index index, Elapsed now, Findings& out) const {
  const Life life = truth_->Of(index);
  if (!life.has_spoken()) {
    return;
  }
  const Liveness told = standings_[index].liveness;
  if (life.Is(kGone)) {
    ++out.left;
    out.left_untold += told != Liveness::kLeft ? 1 : 0;
    return;
  }
  CountSilence({index, life.stamp, life.flags}, IsDue(index, life.left_at(), now), false, out);
  if (Beats(index, life, now) && told != Liveness::kAlive) {
    ++out.living_untold;
  }
}

Findings Judge::Decide(Elapsed now) {
  AbsorbGaps();
  Findings out = findings_;
  for (const Gap& gap : gaps_) {
    CountSilence(
        {gap.index, gap.from, gap.flags}, IsDue(gap.index, gap.begin(), gap.end()), true, out);
  }
  for (Index index = 0; index < fleet_->size(); ++index) {
    CountEndpoint(index, now, out);
  }
  out.overshoot_suspect = overshoot_suspect_.Summarise();
  out.overshoot_dead = overshoot_dead_.Summarise();
  out.overshoot_hearing = overshoot_hearing_.Summarise();
  out.detection_suspect = detection_suspect_.Summarise();
  out.detection_dead = detection_dead_.Summarise();
  out.blind = blind_.total();
  out.blind_intervals = blind_.count();
  return out;
}

Tally Judge::Live() const {
  Tally out = tally_;
  out.blind = blind_.total();
  return out;
}

}  // namespace flatline::generator
