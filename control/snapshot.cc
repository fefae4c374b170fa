#include "control/snapshot.h"

#include "control/frames.h"

#include <algorithm>
#include <optional>

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

constexpr std::size_t kPiece = 4096;  // slots that one core reads at a time
static_assert(Snapshot::kChunk % kPiece == 0);

}  // namespace

Snapshot::Snapshot(const TransitionReader& reader, std::uint64_t sequence, const Filter& filter)
    : region_(reader.region()),
      sequence_(sequence),
      filter_(filter),
      chunk_(kChunk),
      filled_(kChunk / kPiece) {
  for (unsigned worker = 0; worker < reader.workers(); ++worker) {
    const std::optional<Transition> last = reader.LastReleased(worker);
    if (!last || last->kind == TransitionKind::kBlind) {
      continue;
    }
    AsOf& as_of = as_of_[last->id];
    as_of.row = {last->id,
                 {0, last->sequence},
                 last->incarnation,
                 {last->liveness, last->health, last->profile},
                 last->group};
    as_of.presence = last->reason == Reason::kRetired ? Presence::kRetired : Presence::kThere;
  }
}

void Snapshot::Observe(const Transition& transition) {
  if (transition.kind == TransitionKind::kBlind || phase_ == Phase::kDone ||
      as_of_.size() > kMostChanges) {
    return;
  }
  const auto [at, is_first] = as_of_.try_emplace(transition.id);
  if (!is_first) {
    return;
  }
  EndpointState before{transition.liveness, transition.health, transition.profile};
  if (transition.kind == TransitionKind::kHealth) {
    before.health = static_cast<Health>(transition.from);
  } else {
    before.liveness = static_cast<Liveness>(transition.from);
    if (before.liveness == Liveness::kUnknown) {
      before.health = Health::kUnknown;
    }
  }
  const bool was_known = before.liveness != Liveness::kUnknown;
  at->second.row = {
      transition.id, {0, transition.sequence}, transition.incarnation, before, transition.group};
  at->second.presence = was_known ? Presence::kThere : Presence::kUnheard;
  at->second.told = was_known && transition.slot < settled_;
}

Snapshot::Progress Snapshot::Advance(const TransitionReader& reader, WallInstant wall) {
  rows_.clear();
  if (as_of_.size() > kMostChanges) {
    return Progress::kTooMuch;
  }
  if (phase_ == Phase::kReading) {
    ReadChunk(reader);
    phase_ = Phase::kHeld;
  }
  if (phase_ == Phase::kHeld) {
    if (!reader.HasReleased(held_until_)) {
      return Progress::kWaiting;
    }
    TellChunk(wall);
    phase_ = settled_ < region_.records().size() ? Phase::kReading : Phase::kRemainder;
    return Progress::kRows;
  }
  if (phase_ == Phase::kRemainder) {
    TellRemainder(wall);
    as_of_.clear();
    phase_ = Phase::kDone;
    return Progress::kRows;
  }
  return Progress::kDone;
}

void Snapshot::ReadChunk(const TransitionReader& reader) {
  const std::size_t end = std::min(region_.records().size(), read_ + kChunk);
  const std::size_t pieces = (end - read_ + kPiece - 1) / kPiece;
  std::ranges::fill(filled_, 0);
  tbb::parallel_for(std::size_t{0}, pieces, [&](std::size_t piece) {
    const std::size_t from = read_ + piece * kPiece;
    filled_[piece] = ReadPiece(
        from, std::min(end, from + kPiece), std::span(chunk_).subspan(piece * kPiece, kPiece));
  });
  read_ = end;
  held_until_ = reader.Heads();
}

std::size_t Snapshot::ReadPiece(std::size_t slot, std::size_t end, std::span<Row> out) const {
  const auto records = region_.records();
  const auto groups = region_.groups();
  std::size_t count = 0;
  for (; slot < end; ++slot) {
    const EndpointRecord& record = records[slot];
    Row& row = out[count];
    // Acquired: whose change is seen here, his transition is seen in the ring after.
    row.id = record.id.load(std::memory_order_acquire);
    if (row.id == kNoEndpoint) {
      continue;
    }
    row.state = EndpointState::Unpack(record.state.load(std::memory_order_acquire));
    row.incarnation = record.incarnation.load(std::memory_order_acquire);
    row.heard = Heard::Unpack(record.heard.load(std::memory_order_acquire));
    row.group = groups[slot].load(std::memory_order_acquire);
    count += record.id.load(std::memory_order_acquire) == row.id ? 1 : 0;
  }
  return count;
}

void Snapshot::TellChunk(WallInstant wall) {
  for (std::size_t piece = 0; piece < filled_.size(); ++piece) {
    for (Row& row : std::span(chunk_).subspan(piece * kPiece, filled_[piece])) {
      const auto known = as_of_.find(row.id);
      if (known == as_of_.end()) {
        Tell(row, wall);
        continue;
      }
      AsOf& as_of = known->second;
      row.state = as_of.row.state;
      if (!as_of.told && as_of.presence != Presence::kRetired) {
        Tell(row, wall);
      }
      as_of.told = true;
    }
  }
  settled_ = read_;
}

void Snapshot::TellRemainder(WallInstant wall) {
  for (const auto& [id, as_of] : as_of_) {
    if (as_of.presence == Presence::kThere && !as_of.told) {
      Tell(as_of.row, wall);
    }
  }
}

void Snapshot::Tell(const Row& row, WallInstant wall) {
  if (!filter_.WantsRow(row.state.liveness, row.group)) {
    return;
  }
  DeliveryRecord out = frames::Make(RecordKind::kSnapshotRow, sequence_, wall);
  out.endpoint = row.id;
  out.incarnation = row.incarnation;
  out.heartbeat_sequence = row.heard.sequence;
  out.group = row.group;
  out.profile = row.state.profile;
  out.to = static_cast<std::uint8_t>(row.state.liveness);
  out.health = row.state.health;
  out.generation = GenerationOf(region_.header().generation);
  const HearingInstant horizon{
      Duration{region_.header().horizon_ns.load(std::memory_order_acquire)}};
  if (row.heard.stamp != 0) {
    const Duration silence = horizon - HearingInstantOf(row.heard.stamp, horizon);
    out.silence_ns = std::max(Duration{}, silence).count();
  }
  rows_.push_back(frames::Seal(out));
  ++told_;
}

}  // namespace flatline
