#include "tests/simulation/simulated_subscriber.h"

#include <flatline/crc32c.h>
#include <flatline/suspicion_record.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace flatline {
namespace {

constexpr double kThreshold = 8;
constexpr std::uint8_t kOnlyBad =
    1U << static_cast<unsigned>(Liveness::kSuspect) | 1U << static_cast<unsigned>(Liveness::kDead);

}  // namespace

SimulatedSubscriber::SimulatedSubscriber(Nature nature,
                                         unsigned number,
                                         std::uint64_t seed,
                                         const Climate& climate,
                                         const Ledger& ledger)
    : nature_(nature),
      number_(number),
      chance_(seed),
      kills_(climate.subscriber_kills),
      hang_ups_(climate.hang_ups),
      ledger_(&ledger) {
  Live();
}

void SimulatedSubscriber::Fault(const std::string& sentence) {
  faults_.push_back("subscriber " + std::to_string(number_) + ": " + sentence);
}

Subscription SimulatedSubscriber::SubscriptionNow() const {
  Subscription out{.address = {}, .groups = {}};
  out.start = nature_ == Nature::kSnapshot && !kept_ ? RequestKind::kSubscribeSnapshot
                                                     : RequestKind::kSubscribeFrom;
  out.sequence = kept_.value_or(0);
  out.want_flapping = wants_flapping();
  out.suspicion = wants_suspicion() ? kThreshold : 0;
  out.resnapshot = nature_ == Nature::kSnapshot;
  if (nature_ == Nature::kFiltered) {
    out.liveness_mask = kOnlyBad;
    out.want_health = false;
  }
  if (nature_ == Nature::kCursor) {
    out.cursor = "cursor-" + std::to_string(number_);
    out.sequence = 0;  // what it knows, it knows from its cursor
  }
  return out;
}

// Born, again.
void SimulatedSubscriber::Live() {
  position_.emplace(SubscriptionNow());
  rows_.clear();
}

void SimulatedSubscriber::HangUp() {
  if (line_) {
    line_->is_hung_up = true;
    line_.reset();
  }
}

void SimulatedSubscriber::BeginAnew() {
  HangUp();
  kept_.reset();
  acknowledged_ = 0;
  Live();
}

bool SimulatedSubscriber::Wants(const DeliveryRecord& record) const {
  if ((record.marks & kMarkFlapping) != 0 && !wants_flapping()) {
    return false;
  }
  if (nature_ != Nature::kFiltered || record.kind == RecordKind::kBlind ||
      record.kind == RecordKind::kReset || record.kind == RecordKind::kGroup ||
      record.kind == RecordKind::kFlapping || record.kind == RecordKind::kLease) {
    return true;
  }
  return record.kind == RecordKind::kLiveness && (kOnlyBad >> record.to & 1U) != 0;
}

void SimulatedSubscriber::Step(SimulatedControl& control, Instant now) {
  if (Strikes(kills_)) {
    HangUp();
    if (nature_ == Nature::kSnapshot && chance_.OneIn(3)) {
      kept_.reset();
    }
    Live();
    return;
  }
  if (Strikes(hang_ups_)) {
    HangUp();
    return;
  }
  if (!line_) {
    Connect(control, now);
    return;
  }
  Hear();
  if (line_ && line_->session == nullptr && line_->to_client.size() < sizeof(DeliveryRecord)) {
    HangUp();
  }
  if (line_ && nature_ == Nature::kCursor && chance_.OneIn(4)) {
    Acknowledge();
  }
}

void SimulatedSubscriber::Connect(SimulatedControl& control, Instant now) {
  line_ = control.Connect(now);
  if (!line_) {
    return;
  }
  knows_place_ = false;
  rows_.clear();
  const DeliveryRequest request = position_->Connect();
  const std::string text = TextOf(SubscriptionNow());
  const auto header = std::as_bytes(std::span(&request, 1));
  const auto lines = std::as_bytes(std::span(text));
  line_->to_server.assign(header.begin(), header.end());
  line_->to_server.insert(line_->to_server.end(), lines.begin(), lines.end());
}

void SimulatedSubscriber::Acknowledge() {
  const std::uint64_t sequence = position_->AcknowledgeableSequence();
  if (line_->session == nullptr || !knows_place_) {
    return;
  }
  acknowledged_ = std::max(acknowledged_, sequence);
  const DeliveryAcknowledgement said{.sequence = sequence};
  const auto bytes = std::as_bytes(std::span(&said, 1));
  line_->to_server.insert(line_->to_server.end(), bytes.begin(), bytes.end());
}

void SimulatedSubscriber::Hear() {
  std::vector<std::byte>& bytes = line_->to_client;
  const std::size_t most = 1 + chance_.Below(64);
  std::size_t taken = 0;
  for (; taken < most && (taken + 1) * sizeof(DeliveryRecord) <= bytes.size(); ++taken) {
    DeliveryRecord record;
    std::memcpy(
        static_cast<void*>(&record), bytes.data() + taken * sizeof(DeliveryRecord), sizeof(record));
    if (!Take(record)) {
      HangUp();
      return;
    }
  }
  bytes.erase(bytes.begin(),
              bytes.begin() + static_cast<std::ptrdiff_t>(taken * sizeof(DeliveryRecord)));
}

// False: this connection is over.
bool SimulatedSubscriber::Take(const DeliveryRecord& record) {
  if (record.crc != SealOf(record)) {
    Fault("was sent a record that is not sealed");
    return false;
  }
  const std::uint64_t before = position_->sequence();
  const Verdict verdict = position_->Take(record);
  if (verdict == Verdict::kBroken || verdict == Verdict::kHopeless) {
    Fault("was sent what cannot be, behind " + std::to_string(before) + ": kind " +
          std::to_string(static_cast<int>(record.kind)) + ", sequence " +
          std::to_string(record.sequence) +
          (record.kind == RecordKind::kError ? ", " + DescribeError(record) : ""));
    return false;
  }
  if (record.kind == RecordKind::kHello && nature_ == Nature::kCursor) {
    // Where the cursor stands: nothing that was acknowledged comes again but what may be on its
    // way, and nothing that was not is passed over.
    if (position_->sequence() > std::max(acknowledged_, kept_.value_or(0))) {
      Fault("its cursor has passed over what it did not acknowledge");
    }
    kept_ = position_->sequence();
  }
  knows_place_ = knows_place_ || record.kind == RecordKind::kHello;
  if (verdict == Verdict::kRefused) {
    return false;
  }
  switch (record.kind) {
    case RecordKind::kLease:
      position_->is_amid_snapshot() ? TakeSnapshot(record) : TakeFromJournal(record);
      break;
    case RecordKind::kLiveness:
    case RecordKind::kHealth:
    case RecordKind::kBlind:
    case RecordKind::kReset:
    case RecordKind::kGroup:
    case RecordKind::kFlapping:
      TakeFromJournal(record);
      break;
    case RecordKind::kSnapshotBegin:
    case RecordKind::kSnapshotRow:
    case RecordKind::kSnapshotEnd:
      TakeSnapshot(record);
      break;
    case RecordKind::kSuspicion:
      TakeSuspicion(record);
      break;
    case RecordKind::kGap:
      for (auto lost = static_cast<std::uint64_t>(record.silence_ns) + 1; lost <= record.sequence;
           ++lost) {
        if (!ledger_->IsGone(lost)) {
          Fault("was told that " + std::to_string(lost) + " is lost, which it is not");
          break;
        }
      }
      kept_ = record.sequence;
      break;
    default:
      if (position_->AcknowledgeableSequence() != 0) {
        Account(position_->sequence());  // a bookmark
      }
  }
  return verdict != Verdict::kHandOutEnd;
}

// That it stands before its suspect, and was asked for, the position has seen; a suspicion that is
// over accounts for the change that it stands for.
void SimulatedSubscriber::TakeSuspicion(const DeliveryRecord& record) {
  if (AnnouncesSuspicion(record)) {
    const SuspicionScale scale = ReadScale(record);
    if (!(scale.deviation > 0) || !(scale.expected >= 0)) {
      Fault("was told of a suspicion that rises by nothing");
    }
    ++scales_;
    return;
  }
  ++eased_;
  const DeliveryRecord& change = ledger_->record(record.sequence);
  if (record.sequence > ledger_->newest() || change.kind != RecordKind::kLiveness ||
      change.endpoint != record.endpoint || change.to != record.to || Wants(change)) {
    Fault("was told that a suspicion is over by " + std::to_string(record.sequence) +
          ", which is no such change");
  }
  Account(record.sequence);
}

// Everything behind what was kept and up to here that is wanted has been heard, or is lost.
void SimulatedSubscriber::Account(std::uint64_t upto) {
  for (std::uint64_t sequence = kept_.value_or(0) + 1; sequence < upto; ++sequence) {
    if (Wants(ledger_->record(sequence)) && !ledger_->IsGone(sequence)) {
      Fault("did not hear " + std::to_string(sequence) + " before " + std::to_string(upto));
      break;
    }
  }
  kept_ = std::max(upto, kept_.value_or(0));
}

void SimulatedSubscriber::TakeFromJournal(const DeliveryRecord& record) {
  ++heard_;
  if (record.sequence <= kept_.value_or(0)) {
    Fault("heard " + std::to_string(record.sequence) + " twice");
    return;
  }
  if (record.sequence > ledger_->newest() ||
      std::memcmp(&record, &ledger_->record(record.sequence), sizeof(record)) != 0) {
    Fault("heard " + std::to_string(record.sequence) + ", which is not in the journal like that");
    return;
  }
  if (!Wants(record)) {
    Fault("heard " + std::to_string(record.sequence) + ", which it did not ask for");
  }
  Account(record.sequence);
}

void SimulatedSubscriber::TakeSnapshot(const DeliveryRecord& record) {
  if (record.kind == RecordKind::kSnapshotBegin) {
    rows_.clear();
    flapping_.clear();
    leases_.clear();
    return;
  }
  if (record.kind == RecordKind::kLease) {
    if (!leases_.insert(Ledger::LeaseIn(record)).second || record.to != 1) {
      Fault("has two rows of lease " + std::to_string(record.silence_ns) + ", or one of nobody's");
    }
    return;
  }
  const auto liveness = static_cast<Liveness>(record.to);
  if (record.kind == RecordKind::kSnapshotRow) {
    if (!rows_.emplace(record.endpoint, liveness).second) {
      Fault("has two rows of endpoint " + std::to_string(record.endpoint));
    }
    if ((record.marks & kMarkFlapping) != 0) {
      flapping_.insert(record.endpoint);
    }
    return;
  }
  ++snapshots_;
  kept_ = record.sequence;
  if (!ledger_->IsOfThisRegion(record.sequence)) {
    return;
  }
  lease_rows_ += leases_.size();
  if (leases_ != ledger_->LeasesAt(record.sequence)) {
    Fault("has a snapshot as of " + std::to_string(record.sequence) +
          " that says of other leases that they are held than the journal");
  }
  auto flapping = ledger_->FlappingAt(record.sequence);
  std::erase_if(flapping, [this](EndpointId id) { return !rows_.contains(id); });
  if (flapping_ != flapping) {
    Fault("has a snapshot as of " + std::to_string(record.sequence) +
          " that says of others that they flap than the journal");
  }
  std::erase_if(rows_, [](const auto& row) { return row.second == Liveness::kUnknown; });
  if (rows_ != ledger_->LivenessAt(record.sequence)) {
    Fault("has a snapshot as of " + std::to_string(record.sequence) +
          " that is not what the journal says");
  }
}

bool SimulatedSubscriber::has_all() const {
  if (nature_ == Nature::kSnapshot && !kept_) {
    return false;
  }
  for (std::uint64_t sequence = kept_.value_or(0) + 1; sequence <= ledger_->newest(); ++sequence) {
    if (Wants(ledger_->record(sequence)) && !ledger_->IsGone(sequence)) {
      return false;
    }
  }
  return true;
}

}  // namespace flatline
