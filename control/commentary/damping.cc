#include "control/commentary/damping.h"

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

// So many are looked at for one that may go.
constexpr std::size_t kLooks = 8;

bool IsChange(const DeliveryRecord& record) {
  return record.kind == RecordKind::kLiveness || record.kind == RecordKind::kHealth;
}

bool IsRetirement(const DeliveryRecord& record) {
  return record.reason == static_cast<std::uint8_t>(Reason::kRetired);
}

}  // namespace

std::expected<std::unique_ptr<Damping>, std::string> Damping::Open(const std::string& path,
                                                                   const FlapSettings& settings,
                                                                   std::uint64_t newest) {
  auto file = KeptFile::Open(path, sizeof(DampingFile), "flapping");
  if (!file) {
    return std::unexpected(file.error());
  }
  return std::unique_ptr<Damping>(new Damping(std::move(*file), settings, newest));
}

Damping::Damping(KeptFile kept, const FlapSettings& settings, std::uint64_t newest)
    : kept_(std::move(kept)), file_(kept_.As<DampingFile>()), settings_(settings) {
  Load(newest);
}

// Numbers beyond the journal's newest were lost with the disk's power: they will be others.
void Damping::Load(std::uint64_t newest) {
  if (file_->magic != kDampingMagic) {
    file_->upto = newest;
    file_->magic = kDampingMagic;
    kept_.Save(file_->upto);
    kept_.Save(file_->magic);
  }
  upto_ = std::min(file_->upto, newest);
  std::size_t torn = 0;
  for (Slot slot = kMostDamped; slot-- > 0;) {
    DampingEntry& entry = entries_[slot];
    entry = Latest(file_->slots[slot]);
    torn += static_cast<std::size_t>(IsTorn(file_->slots[slot]));
    if (entry.endpoint == kNoEndpoint) {
      Forget(slot);
      continue;
    }
    // A loss of power can keep the page that says where it went, and not the one that it left: the
    // one that counted last is true, whatever the journal has kept of what it counted.
    const auto [twin, is_alone] = slots_of_.emplace(entry.endpoint, slot);
    if (!is_alone) {
      const bool is_later = entry.sequence > entries_[twin->second].sequence;
      Forget(is_later ? std::exchange(twin->second, slot) : slot);
    }
  }
  kept_.SayTorn(torn);
  for (Slot slot = kMostDamped; slot-- > 0;) {
    DampingEntry& entry = entries_[slot];
    entry.sequence = std::min(entry.sequence, newest);
    if (entry.since_ns != 0) {
      ends_.emplace(EndOf(entry), slot);
    } else if (entry.penalty > settings_.suppress && settings_.damps()) {
      Announce(slot, Pending::kBegin);  // its predecessor was killed before it was journaled
    }
  }
}

void Damping::Free(Slot slot) {
  Unsuppress(slot);
  slots_of_.erase(entries_[slot].endpoint);
  if (std::exchange(pending_[slot], Pending::kNothing) != Pending::kNothing) {
    std::erase(news_, slot);  // whoever has the slot next is not told of twice
  }
  Forget(slot);
}

// Whoever has the slot next begins with nothing. One that was free stays as it is in the file.
void Damping::Forget(Slot slot) {
  free_.push_back(slot);
  if (entries_[slot].endpoint != kNoEndpoint) {
    Erase(entries_[slot], file_->slots[slot]);
    kept_.Save(file_->slots[slot]);
  }
}

void Damping::Put(Slot slot) {
  Keep(entries_[slot], file_->slots[slot]);
  kept_.Save(file_->slots[slot]);
}

void Damping::Clear() {
  while (!slots_of_.empty()) {
    Free(slots_of_.begin()->second);
  }
  news_.clear();
}

double Damping::PenaltyAt(const DampingEntry& entry, std::int64_t at_ns) const noexcept {
  return Decayed(entry.penalty, Duration{at_ns - entry.at_ns}, settings_);
}

// Where nobody is damped any more, at once.
std::int64_t Damping::EndOf(const DampingEntry& entry) const noexcept {
  return settings_.damps()
             ? entry.at_ns + TimeToDecay(entry.penalty, settings_.reuse, settings_).count()
             : 0;
}

void Damping::Suppress(Slot slot) {
  ends_.emplace(EndOf(entries_[slot]), slot);
  flapping_is_old_ = true;
}

void Damping::Unsuppress(Slot slot) {
  if (entries_[slot].since_ns != 0) {
    ends_.erase({EndOf(entries_[slot]), slot});
    flapping_is_old_ = true;
  }
}

bool Damping::Suppresses(const DeliveryRecord& record) const {
  if (ends_.empty() || !IsChange(record) || IsRetirement(record)) {
    return false;
  }
  const auto known = slots_of_.find(record.endpoint);
  return known != slots_of_.end() && entries_[known->second].since_ns != 0;
}

void Damping::Take(const DeliveryRecord& record) {
  // A reset is said before it has been numbered, too.
  if (record.sequence <= upto_ && record.sequence != 0) {
    return;
  }
  if (record.kind == RecordKind::kReset) {
    Clear();
  }
  if (record.sequence == 0) {
    return;
  }
  if (IsChange(record)) {
    TakeChange(record);
  } else if (record.kind == RecordKind::kFlapping) {
    TakeOwn(record);
  }
  upto_ = record.sequence;
  file_->upto = upto_;
  kept_.Save(file_->upto);
}

// Silence that was expected is nobody's fault; who was never heard has not died.
std::uint32_t Damping::PenaltyOf(const DeliveryRecord& record) const noexcept {
  if (record.kind != RecordKind::kLiveness || (record.marks & kMarkMaintenance) != 0) {
    return 0;
  }
  const auto from = static_cast<Liveness>(record.from);
  const auto to = static_cast<Liveness>(record.to);
  if (to == Liveness::kDead && from != Liveness::kUnknown) {
    return settings_.death_penalty;
  }
  return from == Liveness::kDead && to == Liveness::kAlive ? settings_.revival_penalty : 0;
}

void Damping::TakeChange(const DeliveryRecord& record) {
  const std::uint32_t by = PenaltyOf(record);
  const auto known = slots_of_.find(record.endpoint);
  const std::optional<Slot> slot = known != slots_of_.end()
                                       ? std::optional(known->second)
                                       : SlotFor(record.endpoint, by, record.at_ns);
  if (!slot) {
    return;
  }
  DampingEntry& entry = entries_[*slot];
  if (entry.sequence >= record.sequence) {
    return;  // a predecessor was killed behind this entry
  }
  entry.sequence = record.sequence;
  entry.health = record.health;
  entry.group = record.group;
  entry.profile = record.profile;
  if (record.kind == RecordKind::kLiveness) {
    entry.liveness = static_cast<Liveness>(record.to);
  }
  if (entry.since_ns != 0 && (record.marks & kMarkFlapping) != 0) {
    ++entry.suppressed;
    ++suppressed_;
  }
  if (IsRetirement(record)) {
    if (entry.since_ns == 0) {
      Free(*slot);
      return;
    }
    Unsuppress(*slot);
    entry.penalty = 0;  // it is over at once
    Suppress(*slot);
  } else if (by != 0) {
    Raise(*slot, by, record.at_ns);
  }
  Put(*slot);
}

void Damping::Raise(Slot slot, std::uint32_t by, std::int64_t at_ns) {
  DampingEntry& entry = entries_[slot];
  const bool is_suppressed = entry.since_ns != 0;
  Unsuppress(slot);
  if (at_ns >= entry.at_ns) {
    entry.penalty = Raised(PenaltyAt(entry, at_ns), by, settings_);
    entry.at_ns = at_ns;
  } else {  // told late: what it adds has decayed meanwhile
    entry.penalty = std::min(entry.penalty + Decayed(by, Duration{entry.at_ns - at_ns}, settings_),
                             FlapCeiling(settings_));
  }
  if (is_suppressed) {
    Suppress(slot);
  } else if (entry.penalty > settings_.suppress) {
    Announce(slot, Pending::kBegin);
  }
}

// One that is free, or that of somebody who has nearly been forgotten.
std::optional<Damping::Slot> Damping::SlotFor(EndpointId id, std::uint32_t by, std::int64_t at_ns) {
  if (by == 0) {
    return std::nullopt;
  }
  if (free_.empty()) {
    std::optional<Slot> least;
    double penalty = by / 2.0;
    for (std::size_t look = 0; look < kLooks; ++look) {
      hand_ = (hand_ + 1) % kMostDamped;
      const DampingEntry& entry = entries_[hand_];
      if (entry.since_ns == 0 && pending_[hand_] == Pending::kNothing &&
          PenaltyAt(entry, at_ns) < penalty) {
        penalty = PenaltyAt(entry, at_ns);
        least = hand_;
      }
    }
    if (!least) {
      ++unwatched_;
      return std::nullopt;
    }
    Free(*least);
  }
  const Slot out = free_.back();
  free_.pop_back();
  entries_[out].endpoint = id;
  entries_[out].at_ns = at_ns;
  slots_of_.emplace(id, out);
  return out;
}

void Damping::Announce(Slot slot, Pending what) {
  if (pending_[slot] == Pending::kNothing) {
    pending_[slot] = what;
    news_.push_back(slot);
  }
}

// Our own word, out of the journal.
void Damping::TakeOwn(const DeliveryRecord& record) {
  const auto known = slots_of_.find(record.endpoint);
  if (known == slots_of_.end()) {
    return;
  }
  const Slot slot = known->second;
  DampingEntry& entry = entries_[slot];
  pending_[slot] = Pending::kNothing;
  std::erase(news_, slot);
  entry.sequence = std::max(entry.sequence, record.sequence);
  if (record.reason == static_cast<std::uint8_t>(Reason::kFlapping)) {
    if (entry.since_ns == 0) {
      entry.since_ns = record.at_ns;
      entry.told = static_cast<Liveness>(record.to);
      entry.suppressed = 0;
      Suppress(slot);
    }
    Put(slot);
    return;
  }
  Unsuppress(slot);
  entry.since_ns = 0;
  entry.penalty = PenaltyAt(entry, record.at_ns);
  entry.at_ns = std::max(entry.at_ns, record.at_ns);
  if (entry.liveness == Liveness::kUnknown || !settings_.damps()) {
    Free(slot);
  } else {
    Put(slot);
  }
}

void Damping::Turn(WallInstant wall) {
  wall_ns_ = wall.time_since_epoch().count();
  for (auto at = ends_.begin(); at != ends_.end() && at->first <= wall_ns_; ++at) {
    Announce(at->second, Pending::kEnd);
  }
}

// Made only now: by what has been journaled until now.
std::vector<DeliveryRecord> Damping::TakeNews() {
  std::vector<DeliveryRecord> out;
  for (const Slot slot : std::exchange(news_, {})) {
    const DampingEntry& entry = entries_[slot];
    // What followed within the same part may have changed it: a last flap much later, another one.
    const bool is_past = pending_[slot] == Pending::kBegin ? entry.penalty <= settings_.suppress
                                                           : EndOf(entry) > wall_ns_;
    if (is_past) {
      pending_[slot] = Pending::kNothing;
    } else if (pending_[slot] != Pending::kNothing) {
      out.push_back(Telling(entry, pending_[slot]));
    }
  }
  return out;
}

// `silence_ns`: after which quiet it will be told of again, at the end how long it was suppressed;
// `incarnation`: so many changes; `heartbeat_sequence`: the penalty.
DeliveryRecord Damping::Telling(const DampingEntry& entry, Pending what) const {
  const bool begins = what == Pending::kBegin;
  DeliveryRecord out;
  out.kind = RecordKind::kFlapping;
  out.at_ns = begins ? entry.at_ns : std::max(entry.at_ns, wall_ns_);
  out.endpoint = entry.endpoint;
  out.silence_ns = begins ? EndOf(entry) - entry.at_ns : out.at_ns - entry.since_ns;
  out.incarnation = begins ? 0 : entry.suppressed;
  out.heartbeat_sequence = static_cast<std::uint32_t>(
      std::min(std::round(begins ? entry.penalty : PenaltyAt(entry, out.at_ns)), 4e9));
  out.group = entry.group;
  out.profile = entry.profile;
  out.from = static_cast<std::uint8_t>(begins ? entry.liveness : entry.told);
  out.to = static_cast<std::uint8_t>(entry.liveness);
  out.reason = static_cast<std::uint8_t>(begins ? Reason::kFlapping : Reason::kQuietAgain);
  out.health = entry.health;
  return out;
}

std::shared_ptr<const FlappingSet> Damping::flapping() {
  if (std::exchange(flapping_is_old_, false)) {
    auto fresh = std::make_shared<FlappingSet>();
    for (const auto& [end, slot] : ends_) {
      fresh->insert(entries_[slot].endpoint);
    }
    flapping_ = std::move(fresh);
  }
  return flapping_;
}

}  // namespace flatline
