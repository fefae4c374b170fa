#include "control/client/held_suspicions.h"

#include <flatline/crc32c.h>
#include <flatline/suspicion_record.h>

#include <algorithm>

namespace flatline {
namespace {

constexpr auto kAlive = static_cast<std::uint8_t>(Liveness::kAlive);
constexpr auto kSuspect = static_cast<std::uint8_t>(Liveness::kSuspect);
constexpr auto kDead = static_cast<std::uint8_t>(Liveness::kDead);

// Nothing that is watched may be silent for longer.
constexpr double kLongestHeld = 48 * 3'600e9;

// Any number may be said to be a time. Of these a few can be added.
constexpr std::int64_t Bounded(std::int64_t ns) noexcept {
  constexpr std::int64_t kMost = std::int64_t{1} << 61;
  return std::clamp(ns, -kMost, kMost);
}

constexpr std::int64_t WhenOf(const DeliveryRecord& record) noexcept {
  return Bounded(record.at_ns);
}

// Says no more than that it was heard: no other life, no other health.
bool IsPlainReturn(const DeliveryRecord& record,
                   const DeliveryRecord& suspicion,
                   Health health) noexcept {
  return record.to == kAlive && record.incarnation == suspicion.incarnation &&
         record.health == health;
}

// A suspicion made of the row that said it.
DeliveryRecord ChangeOf(const DeliveryRecord& row) noexcept {
  DeliveryRecord out = row;
  out.kind = RecordKind::kLiveness;
  out.from = kAlive;
  out.to = kSuspect;
  out.reason = static_cast<std::uint8_t>(Reason::kDeadlineMissed);
  out.worker = 0xFF;  // no worker told it so
  out.crc = SealOf(out);
  return out;
}

}  // namespace

void HeldSuspicions::SetClock(std::int64_t wall_ns, Instant now) noexcept {
  wall_ns_ = Bounded(wall_ns);
  wall_at_ = now;
}

std::int64_t HeldSuspicions::WallAt(Instant now) const noexcept {
  return wall_ns_.value_or(0) + (now - wall_at_).count();
}

void HeldSuspicions::Greet(const DeliveryRecord& hello, Instant now) {
  SetClock(hello.at_ns, now);
}

void HeldSuspicions::Hear(const DeliveryRecord& bookmark, Instant now) {
  SetClock(bookmark.at_ns, now);
  const bool is_deaf = bookmark.silence_ns < 0 || bookmark.silence_ns > kMostDeaf.count();
  deaf_since_ns_ = is_deaf ? WhenOf(bookmark) : 0;
}

std::span<const DeliveryRecord> HeldSuspicions::Sift(std::span<const DeliveryRecord> run,
                                                     std::uint64_t before,
                                                     Instant now) {
  told_.clear();
  Piece piece;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < run.size(); ++i) {
    const DeliveryRecord& record = run[i];
    if (AnnouncesSuspicion(record)) {
      piece.scale = &record;
      begin = i + 1;
      continue;
    }
    if (record.kind == RecordKind::kName) {
      continue;
    }
    piece.frames = run.subspan(begin, i + 1 - begin);
    if (wall_ns_ && record.kind != RecordKind::kSnapshotRow && WhenOf(record) > WallAt(now)) {
      SetClock(record.at_ns, now);  // nothing is decided in the future
    }
    Take(piece, before);
    piece = {};
    begin = i + 1;
  }
  return told_;
}

void HeldSuspicions::Take(const Piece& piece, std::uint64_t before) {
  const DeliveryRecord& record = piece.record();
  switch (record.kind) {
    case RecordKind::kLiveness:
    case RecordKind::kSuspicion:
      TakeLiveness(piece);
      return;
    case RecordKind::kSnapshotRow:
      TakeRow(piece, before);
      return;
    case RecordKind::kHealth:
      if (const Place at = Find(record.endpoint); at != held_.end()) {
        at->second.health = record.health;
      }
      break;
    case RecordKind::kFlapping:
      // From here on nothing of it is told, so this is how it stands.
      if (const Place at = Find(record.endpoint); at != held_.end()) {
        const bool stands = record.to == kSuspect || WhenOf(record) >= at->second.due_ns;
        stands ? TellHeld(at) : Drop(at);
      }
      break;
    case RecordKind::kBlind:
      TakeBlind(record);
      break;
    case RecordKind::kGap:
      TellAll();  // who was heard in it, is not known
      break;
    case RecordKind::kReset:
      link_down_ns_ = 0;
      DropAll();
      break;
    case RecordKind::kSnapshotBegin:
      DropAll();
      break;
    default:
      break;
  }
  Tell(piece.frames);
}

// A change of liveness, or that there was one which the filter leaves out.
void HeldSuspicions::TakeLiveness(const Piece& piece) {
  const DeliveryRecord& record = piece.record();
  const bool is_wanted = record.kind == RecordKind::kLiveness;
  if (WhenOf(record) > deaf_since_ns_) {
    deaf_since_ns_ = 0;  // somebody hears again
  }
  const Place at = Find(record.endpoint);
  if (record.to == kSuspect) {
    if (at != held_.end()) {
      TellHeld(at);  // its end was never told of
    }
    if (const auto due = DueOf(piece)) {
      Hold({.frames = {piece.frames.begin(), piece.frames.end()},
            .due_ns = *due,
            .before = record.sequence - 1,
            .blind_upto = record.sequence,
            .health = record.health});
      return;
    }
  } else if (at != held_.end()) {
    const Held& held = at->second;
    if (record.to == kDead || WhenOf(record) >= held.due_ns) {
      TellHeld(at);
    } else {
      const bool says_more = !IsPlainReturn(record, held.frames.back(), held.health);
      Drop(at);
      if (!says_more) {
        return;
      }
    }
  }
  if (is_wanted) {
    Tell(piece.frames);
  }
}

// Told as alive, which to this subscriber it still is; and suspected when its time comes. One whose
// changes are suppressed is told as it is.
void HeldSuspicions::TakeRow(const Piece& piece, std::uint64_t before) {
  const DeliveryRecord& row = piece.record();
  const auto due =
      row.to == kSuspect && (row.marks & kMarkFlapping) == 0 ? DueOf(piece) : std::nullopt;
  Tell(piece.frames);
  if (!due) {
    return;
  }
  told_.back().to = kAlive;
  told_.back().crc = SealOf(told_.back());
  Held held{.frames = {piece.frames.begin(), piece.frames.end()},
            .due_ns = *due,
            .before = before,
            .blind_upto = row.sequence,
            .health = row.health};
  held.frames.back() = ChangeOf(row);
  Hold(std::move(held));
}

// Time in which flatline could not hear is no silence of anybody's. A link that is down is told of
// when it goes, and as an interval when it has come back.
void HeldSuspicions::TakeBlind(const DeliveryRecord& record) {
  if (record.silence_ns <= 0) {
    link_down_ns_ = WhenOf(record);
    return;
  }
  if (WhenOf(record) >= link_down_ns_) {
    link_down_ns_ = 0;
  }
  by_due_.clear();
  for (auto& [number, held] : held_) {
    const std::int64_t since = WhenOf(held.frames.back());
    if (record.sequence > held.blind_upto && WhenOf(record) > since) {
      held.due_ns =
          Bounded(held.due_ns + std::min(Bounded(record.silence_ns), WhenOf(record) - since));
      held.blind_upto = record.sequence;
    }
    by_due_.emplace(held.due_ns, number);
  }
}

// Nothing: it is to be told at once.
std::optional<std::int64_t> HeldSuspicions::DueOf(const Piece& piece) const {
  if (piece.scale == nullptr || held_.size() >= kMost) {
    return std::nullopt;
  }
  const DeliveryRecord& record = piece.record();
  const SuspicionScale scale = ReadScale(*piece.scale);
  const double left = SilenceAt(scale, deviations_) - static_cast<double>(record.silence_ns);
  if (!(left > 0)) {
    return std::nullopt;
  }
  return Bounded(WhenOf(record) + static_cast<std::int64_t>(std::min(left, kLongestHeld)));
}

std::span<const DeliveryRecord> HeldSuspicions::Due(Instant now) {
  told_.clear();
  if (!due()) {
    return told_;
  }
  const std::int64_t wall = WallAt(now);
  while (!by_due_.empty() && by_due_.begin()->first <= wall) {
    TellHeld(held_.find(by_due_.begin()->second));
  }
  return told_;
}

std::optional<Instant> HeldSuspicions::due() const {
  if (by_due_.empty() || !wall_ns_ || deaf_since_ns_ != 0 || link_down_ns_ != 0) {
    return std::nullopt;
  }
  return wall_at_ + Duration{by_due_.begin()->first - *wall_ns_};
}

std::uint64_t HeldSuspicions::Accountable(std::uint64_t sequence) const noexcept {
  return held_.empty() ? sequence : std::min(sequence, held_.begin()->second.before);
}

void HeldSuspicions::Commit() {
  removed_.clear();
  first_new_ = next_;
}

void HeldSuspicions::Undo() {
  while (!held_.empty() && held_.rbegin()->first >= first_new_) {
    Remove(std::prev(held_.end()));
  }
  for (auto& [number, held] : removed_) {
    if (number < first_new_) {
      Enter(number, std::move(held));
    }
  }
  Commit();
}

void HeldSuspicions::Forget() {
  DropAll();
  Commit();
}

void HeldSuspicions::Tell(std::span<const DeliveryRecord> frames) {
  told_.insert(told_.end(), frames.begin(), frames.end());
}

void HeldSuspicions::TellHeld(Place place) {
  Tell(place->second.frames);
  Drop(place);
}

void HeldSuspicions::TellAll() {
  while (!held_.empty()) {
    TellHeld(held_.begin());
  }
}

void HeldSuspicions::Drop(Place place) {
  const Number number = place->first;
  removed_.emplace_back(number, Remove(place));
}

void HeldSuspicions::DropAll() {
  while (!held_.empty()) {
    Drop(held_.begin());
  }
}

HeldSuspicions::Place HeldSuspicions::Find(EndpointId id) {
  const auto at = by_endpoint_.find(id);
  return at == by_endpoint_.end() ? held_.end() : held_.find(at->second);
}

void HeldSuspicions::Hold(Held held) {
  Enter(next_++, std::move(held));
}

void HeldSuspicions::Enter(Number number, Held held) {
  by_endpoint_.insert_or_assign(held.frames.back().endpoint, number);
  by_due_.emplace(held.due_ns, number);
  held_.emplace(number, std::move(held));
}

HeldSuspicions::Held HeldSuspicions::Remove(Place place) {
  by_due_.erase({place->second.due_ns, place->first});
  by_endpoint_.erase(place->second.frames.back().endpoint);
  Held out = std::move(place->second);
  held_.erase(place);
  return out;
}

}  // namespace flatline
