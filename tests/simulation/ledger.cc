#include "tests/simulation/ledger.h"

#include "control/commentary/commentary.h"
#include "control/journal/scribe.h"
#include "tests/simulation/climate.h"

#include <flatline/crc32c.h>
#include <flatline/guard.h>

#include <algorithm>
#include <cstring>

namespace flatline {

void Ledger::Fault(const std::string& sentence) {
  faults_.push_back("journal: " + sentence);
}

void Ledger::ReadRing(unsigned worker) {
  const auto entries = region_.transitions(worker);
  const std::uint64_t head = region_.dataplane().transition_heads[worker].value.load();
  std::vector<Transition>& told = rings_[worker];
  for (std::uint64_t position = told.size(); position != head; ++position) {
    told.push_back(entries[position & (entries.size() - 1)]);
    const DeliveryRecord record = RecordOf({.transition = told.back(),
                                            .position = position,
                                            .worker = static_cast<std::uint8_t>(worker)},
                                           0,
                                           wall_);
    digest_->Add(std::as_bytes(std::span(&record, 1)));
  }
}

void Ledger::BeginRegion() {
  for (std::size_t worker = 0; worker < rings_.size(); ++worker) {
    rings_[worker].clear();
    journaled_[worker] = 0;
  }
  reset_at_ = 0;
  states_.clear();
  flaps_.clear();
}

void Ledger::Audit(const Journal& journal) {
  oldest_ = std::max(oldest_, journal.oldest());
  while (newest() < journal.newest()) {
    const Journal::Range range = journal.From(newest() + 1, 4096);
    if (range.records.empty()) {
      Fault("record " + std::to_string(newest() + 1) + " cannot be read");
      return;
    }
    for (const DeliveryRecord& record : range.records) {
      Take(record);
    }
  }
  CheckTails();
}

void Ledger::Take(const DeliveryRecord& record) {
  const std::uint64_t sequence = newest() + 1;
  entries_.push_back({.record = record});
  digest_->Add(std::as_bytes(std::span(&record, 1)));
  if (record.sequence != sequence || record.crc != SealOf(record)) {
    Fault("record " + std::to_string(sequence) + " is not sealed as it should be");
    return;
  }
  const std::uint32_t generation = GenerationOf(region_.header().generation);
  if (record.kind == RecordKind::kReset) {
    if (reset_at_ != 0 || record.generation != generation) {
      Fault("a reset at " + std::to_string(sequence) + " where nothing was reset");
    }
    reset_at_ = sequence;
    return;
  }
  if (record.worker == Commentary::kNoWorker) {
    TakeComment(record);
    return;
  }
  const std::uint64_t position = journaled_[record.worker];
  if (reset_at_ == 0 || position >= rings_[record.worker].size()) {
    Fault("record " + std::to_string(sequence) + " was never told, or is told again");
    return;
  }
  DeliveryRecord expected = RecordOf({.transition = rings_[record.worker][position],
                                      .position = position,
                                      .worker = record.worker},
                                     generation,
                                     wall_);
  expected.marks = record.marks;
  expected.sequence = sequence;
  expected.crc = SealOf(expected);
  if (std::memcmp(&expected, &record, sizeof(record)) != 0) {
    Fault("record " + std::to_string(sequence) + " is not transition " + std::to_string(position) +
          " of worker " + std::to_string(record.worker) + " but " +
          std::to_string(record.ring_position));
  }
  journaled_[record.worker] = position + 1;
  CheckSuppressed(record);
  CheckChain(record);
}

// What control says of its own accord: a mass failure begins and is over in turn, as far back as
// its journal reaches. Guards, whose records are a worker's, are GuardWitness'.
void Ledger::TakeComment(const DeliveryRecord& record) {
  if (record.kind == RecordKind::kFlapping) {
    TakeFlapping(record);
    return;
  }
  if (record.kind != RecordKind::kGroup || record.incarnation > record.heartbeat_sequence ||
      record.from >= kGroupCauseNames.size()) {
    Fault("record " + std::to_string(record.sequence) + " is nothing that control says");
    return;
  }
  for (std::size_t i = entries_.size() - 1; i-- > 0;) {
    const Entry& before = entries_[i];
    if (before.record.sequence < oldest_ || before.record.kind == RecordKind::kReset) {
      break;
    }
    if (!before.is_lost && before.record.kind == RecordKind::kGroup &&
        before.record.worker == record.worker && before.record.group == record.group) {
      if (before.record.to == record.to) {
        Fault("record " + std::to_string(record.sequence) + " of group " +
              std::to_string(record.group) + " is told again");
      }
      break;
    }
  }
}

// Suppressed are exactly those between the two records of it, but for a retirement. The penalty
// counts each death and return once, whatever died in between.
void Ledger::CheckSuppressed(const DeliveryRecord& record) {
  if (record.kind != RecordKind::kLiveness && record.kind != RecordKind::kHealth) {
    return;
  }
  Flaps& flaps = flaps_[record.endpoint];
  const bool is_retired = record.reason == static_cast<std::uint8_t>(Reason::kRetired);
  const bool is_marked = (record.marks & kMarkFlapping) != 0;
  if (is_marked != (flaps.suppressed && !is_retired)) {
    Fault("record " + std::to_string(record.sequence) + " of endpoint " +
          std::to_string(record.endpoint) + " is " + (is_marked ? "" : "not ") + "suppressed");
  }
  flaps.count += is_marked ? 1 : 0;
  suppressed_ += is_marked ? 1 : 0;
  constexpr auto kDead = static_cast<std::uint8_t>(Liveness::kDead);
  const bool dies = record.to == kDead && record.from != 0;
  const bool returns =
      record.from == kDead && record.to == static_cast<std::uint8_t>(Liveness::kAlive);
  if (record.kind == RecordKind::kLiveness && (dies || returns)) {
    const double by = dies ? kSimulatedFlapping.death_penalty : kSimulatedFlapping.revival_penalty;
    const std::int64_t at_ns = std::max(flaps.at_ns, record.at_ns);
    flaps.penalty =
        std::min(Decayed(flaps.penalty, Duration{at_ns - flaps.at_ns}, kSimulatedFlapping) +
                     Decayed(by, Duration{at_ns - record.at_ns}, kSimulatedFlapping),
                 FlapCeiling(kSimulatedFlapping));
    flaps.at_ns = at_ns;
  }
  if (is_retired) {
    flaps.penalty = 0;
  }
}

// Begins where the penalty is above the one threshold, ends where it is not above the other, and
// tells how many were suppressed.
void Ledger::TakeFlapping(const DeliveryRecord& record) {
  constexpr double kRounding = 1e-3;
  Flaps& flaps = flaps_[record.endpoint];
  const bool begins = record.reason == static_cast<std::uint8_t>(Reason::kFlapping);
  const double penalty =
      Decayed(flaps.penalty, Duration{record.at_ns - flaps.at_ns}, kSimulatedFlapping);
  const bool is_due = begins ? penalty > kSimulatedFlapping.suppress - kRounding
                             : penalty <= kSimulatedFlapping.reuse + kRounding;
  const bool is_known = begins || record.incarnation == flaps.count;
  if (begins == flaps.suppressed || !is_due || !is_known ||
      record.to != states_[record.endpoint].liveness) {
    Fault("record " + std::to_string(record.sequence) + " of endpoint " +
          std::to_string(record.endpoint) + (begins ? ", flapping" : ", quiet again") +
          ", is not what the others say: penalty " + std::to_string(penalty) + ", " +
          std::to_string(record.incarnation) + " of " + std::to_string(flaps.count));
  }
  flaps.suppressed = begins;
  flaps.count = 0;
}

// Each transition of an endpoint begins where the one before it ended.
void Ledger::CheckChain(const DeliveryRecord& record) {
  if (record.kind != RecordKind::kLiveness && record.kind != RecordKind::kHealth) {
    return;
  }
  State& state = states_[record.endpoint];
  const bool is_health = record.kind == RecordKind::kHealth;
  if (record.from != (is_health ? state.health : state.liveness)) {
    Fault("record " + std::to_string(record.sequence) + " of endpoint " +
          std::to_string(record.endpoint) + " does not begin where the last one ended");
  }
  state.health = static_cast<std::uint8_t>(record.health);
  if (!is_health) {
    state.liveness = record.to;
  }
  if (record.reason == static_cast<std::uint8_t>(Reason::kRetired)) {
    states_.erase(record.endpoint);
  }
}

void Ledger::CheckTails() {
  for (unsigned worker = 0; worker < region_.shape().workers; ++worker) {
    if (region_.control().transition_tails[worker].value.load() > journaled_[worker]) {
      Fault("worker " + std::to_string(worker) + " was given back what is not journaled");
    }
  }
}

void Ledger::CheckReopened(const Journal& journal) {
  if (journal.newest() != newest()) {
    Fault("reopened with " + std::to_string(journal.newest()) + " records of " +
          std::to_string(newest()));
    return;
  }
  for (std::uint64_t sequence = std::max(oldest_, journal.oldest()); sequence <= newest();) {
    const Journal::Range range = journal.From(sequence, 4096);
    const std::uint64_t until =
        range.records.empty() ? range.hole_until : sequence + range.records.size() - 1;
    for (; sequence <= until; ++sequence) {
      const Entry& entry = entries_[sequence - 1];
      const bool is_there =
          !range.records.empty() && std::memcmp(&range.records.back() - (until - sequence),
                                                &entry.record,
                                                sizeof(DeliveryRecord)) == 0;
      if (!is_there && !entry.is_lost) {
        Fault("record " + std::to_string(sequence) + " did not outlive a kill");
      }
    }
  }
}

void Ledger::CheckSurvived(const Journal& journal) {
  const std::uint64_t newest_now = journal.newest();
  for (std::uint64_t sequence = 1; sequence <= std::max(newest(), newest_now); ++sequence) {
    if (sequence > newest()) {
      entries_.push_back({.record = {}, .is_lost = true});
      continue;
    }
    Entry& entry = entries_[sequence - 1];
    const bool is_retained = sequence >= journal.oldest() && sequence <= newest_now;
    const Journal::Range range =
        is_retained ? journal.From(sequence, 1) : Journal::Range{.records = {}, .keep = nullptr};
    const bool is_there = !range.records.empty();
    if (is_there &&
        (entry.is_lost ||
         std::memcmp(&range.records.front(), &entry.record, sizeof(DeliveryRecord)) != 0)) {
      Fault("record " + std::to_string(sequence) + " is another since the loss of power");
    }
    if (!is_there && entry.is_safe && sequence >= oldest_) {
      Fault("record " + std::to_string(sequence) + " was on the disk and did not survive");
    }
    entry.is_lost = entry.is_lost || !is_there;
  }
  entries_.resize(newest_now);
  oldest_ = journal.oldest();
}

void Ledger::SaySafe(std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t sequence = first; sequence <= std::min(last, newest()); ++sequence) {
    entries_[sequence - 1].is_safe = !entries_[sequence - 1].is_lost;
  }
}

void Ledger::CheckComplete() {
  for (unsigned worker = 0; worker < region_.shape().workers; ++worker) {
    if (journaled_[worker] != rings_[worker].size()) {
      Fault("of worker " + std::to_string(worker) + " " + std::to_string(journaled_[worker]) +
            " transitions of " + std::to_string(rings_[worker].size()) + " were journaled");
    }
  }
}

std::set<EndpointId> Ledger::FlappingAt(std::uint64_t sequence) const {
  std::set<EndpointId> out;
  for (std::uint64_t i = std::max<std::uint64_t>(reset_at_, 1); i <= sequence; ++i) {
    const DeliveryRecord& at = record(i);
    if (at.kind == RecordKind::kFlapping) {
      if (at.reason == static_cast<std::uint8_t>(Reason::kFlapping)) {
        out.insert(at.endpoint);
      } else {
        out.erase(at.endpoint);
      }
    }
  }
  return out;
}

Ledger::Leases::value_type Ledger::LeaseIn(const DeliveryRecord& record) {
  return {{record.from, static_cast<std::uint64_t>(record.silence_ns)},
          {record.endpoint, std::uint64_t{record.incarnation} << 32 | record.heartbeat_sequence}};
}

Ledger::Leases Ledger::LeasesAt(std::uint64_t sequence) const {
  Leases out;
  for (std::uint64_t i = std::max<std::uint64_t>(reset_at_, 1); i <= sequence; ++i) {
    const DeliveryRecord& at = record(i);
    if (at.kind != RecordKind::kLease) {
      continue;
    }
    const auto lease = LeaseIn(at);
    if (at.to != 0) {
      out.insert_or_assign(lease.first, lease.second);
    } else {
      out.erase(lease.first);
    }
  }
  return out;
}

std::map<EndpointId, Liveness> Ledger::LivenessAt(std::uint64_t sequence) const {
  std::map<EndpointId, Liveness> out;
  for (std::uint64_t i = std::max<std::uint64_t>(reset_at_, 1); i <= sequence; ++i) {
    const DeliveryRecord& at = record(i);
    if (at.kind == RecordKind::kLiveness) {
      out[at.endpoint] = static_cast<Liveness>(at.to);
    }
  }
  std::erase_if(out, [](const auto& one) { return one.second == Liveness::kUnknown; });
  return out;
}

}  // namespace flatline
