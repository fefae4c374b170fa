#include "control/snapshot/snapshot.h"

#include "control/delivery/frames.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <numeric>
#include <utility>

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

constexpr std::size_t kPiece = 4096;  // slots that one core reads at a time
static_assert(Snapshot::kChunk % kPiece == 0);
constexpr std::size_t kAhead = 8;  // so many rows ahead is the roster's directory fetched

}  // namespace

Snapshot::Snapshot(const SnapshotOrigin& origin,
                   std::shared_ptr<const Filter> filter,
                   RowAdditions additions)
    : region_(origin.region),
      sequence_(origin.sequence),
      filter_(std::move(filter)),
      flapping_(origin.flapping),
      chunk_(kChunk),
      filled_(kChunk / kPiece),
      additions_(std::move(additions)),
      row_names_(filled_.size()),
      leases_(origin.region, origin.unapplied) {
  if (additions_.suspicion) {
    const auto& profiles = region_.header().profiles;
    profiles_.assign(profiles.begin(), profiles.end());
  }
  for (const Transition& last : origin.unapplied) {
    if (!ConcernsEndpoint(last)) {
      continue;
    }
    AsOf& as_of = as_of_[last.id];
    as_of.row = {last.id,
                 {0, last.sequence},
                 last.incarnation,
                 {last.liveness, last.health, last.profile},
                 last.group,
                 0};
    as_of.presence = last.reason == Reason::kRetired ? Presence::kRetired : Presence::kThere;
  }
}

void Snapshot::Observe(const DeliveryRecord& record, Trace trace) {
  leases_.Observe(record);
  const bool is_health = record.kind == RecordKind::kHealth;
  if ((!is_health && record.kind != RecordKind::kLiveness) || phase_ >= Phase::kReadingLeases ||
      as_of_.size() > kMostChanges) {
    return;
  }
  const auto [at, is_first] = as_of_.try_emplace(record.endpoint);
  if (!is_first) {
    return;
  }
  EndpointState before{trace.liveness, record.health, record.profile};
  if (is_health) {
    before.health = static_cast<Health>(record.from);
  } else {
    before.liveness = static_cast<Liveness>(record.from);
    if (before.liveness == Liveness::kUnknown) {
      before.health = Health::kUnknown;
    }
  }
  const bool was_known = before.liveness != Liveness::kUnknown;
  at->second.row = {
      record.endpoint, {0, record.heartbeat_sequence}, record.incarnation, before, record.group, 0};
  at->second.presence = was_known ? Presence::kThere : Presence::kUnheard;
  at->second.told = was_known && trace.slot < settled_;
}

Snapshot::Progress Snapshot::Advance(WallInstant wall, const std::function<bool()>& catch_up) {
  rows_.clear();
  if (as_of_.size() + leases_.changes() > kMostChanges) {
    return Progress::kTooMuch;
  }
  if (phase_ == Phase::kReading) {
    ReadChunk();
    phase_ = Phase::kHeld;
  }
  if (phase_ == Phase::kHeld) {
    if (!HasReleased(region_, held_until_)) {
      return Progress::kWaiting;
    }
    // Only now: what the rings have given back is journaled.
    if (!catch_up()) {
      return Progress::kTooMuch;
    }
    TellChunk(wall);
    phase_ = settled_ < region_.records().size() ? Phase::kReading : Phase::kRemainder;
    return Progress::kRows;
  }
  if (phase_ == Phase::kRemainder) {
    TellRemainder(wall);
    as_of_.clear();
    phase_ = region_.shape().leases_per_worker == 0 ? Phase::kDone : Phase::kReadingLeases;
    return Progress::kRows;
  }
  return phase_ == Phase::kDone ? Progress::kDone : AdvanceLeases(wall, catch_up);
}

Snapshot::Progress Snapshot::AdvanceLeases(WallInstant wall,
                                           const std::function<bool()>& catch_up) {
  if (phase_ == Phase::kReadingLeases) {
    if (!leases_.Read() && ++looks_ < kMostLooks) {
      return Progress::kWaiting;
    }
    held_until_ = HeadsOf(region_);
    phase_ = Phase::kHeldLeases;
  }
  if (phase_ == Phase::kHeldLeases) {
    if (!HasReleased(region_, held_until_)) {
      return Progress::kWaiting;
    }
    if (!catch_up()) {
      return Progress::kTooMuch;
    }
    leases_.Settle();
    phase_ = Phase::kTellingLeases;
  }
  if (!TellLeases(wall)) {
    phase_ = Phase::kDone;
  }
  return Progress::kRows;
}

bool Snapshot::TellLeases(WallInstant wall) {
  const Filter::Look look(*filter_);
  DeliveryRecord like = frames::Make(RecordKind::kLease, sequence_, wall);
  like.generation = GenerationOf(region_.header().generation);
  std::vector<DeliveryRecord> rows;
  const bool has_more =
      leases_.Take(kChunk, like, [&](const DeliveryRecord& row) { return look.Wants(row); }, rows);
  told_ += rows.size();
  if (!additions_.names) {
    rows_ = std::move(rows);
    return has_more;
  }
  for (const DeliveryRecord& row : rows) {
    additions_.names->Append(row, rows_);
  }
  return has_more;
}

void Snapshot::ReadChunk() {
  const std::size_t end = std::min(region_.records().size(), read_ + kChunk);
  const std::size_t pieces = (end - read_ + kPiece - 1) / kPiece;
  std::ranges::fill(filled_, 0);
  tbb::parallel_for(std::size_t{0}, pieces, [&](std::size_t piece) {
    const std::size_t from = read_ + piece * kPiece;
    filled_[piece] = ReadPiece(
        from, std::min(end, from + kPiece), std::span(chunk_).subspan(piece * kPiece, kPiece));
  });
  read_ = end;
  held_until_ = HeadsOf(region_);
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
    row.arrival = record.arrival.load(std::memory_order_acquire);
    row.group = groups[slot].load(std::memory_order_acquire);
    count += record.id.load(std::memory_order_acquire) == row.id ? 1 : 0;
  }
  return count;
}

// What of a piece is to be told, as it was, moved to its front; returns how much that is. Pieces
// are settled side by side: they only share the flags of those known to have changed.
std::size_t Snapshot::Settle(std::span<Row> rows) {
  std::size_t count = 0;
  const Filter::Look look(*filter_);
  for (const Row& read : rows) {
    Row row = read;
    if (const auto known = as_of_.find(row.id); known != as_of_.end()) {
      AsOf& as_of = known->second;
      row.state = as_of.row.state;
      const bool was_told = std::atomic_ref(as_of.told).exchange(true, std::memory_order_relaxed);
      if (was_told || as_of.presence == Presence::kRetired) {
        continue;
      }
    }
    if (look.WantsRow(FactsOf(row))) {
      rows[count++] = row;
    }
  }
  return count;
}

// The names of a settled piece; returns how many frames they take.
std::size_t Snapshot::FindNames(std::size_t piece) {
  if (!additions_.names) {
    return 0;
  }
  const auto rows = std::span(chunk_).subspan(piece * kPiece, filled_[piece]);
  std::vector<std::string_view>& found = row_names_[piece];
  found.clear();
  std::size_t parts = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) {
      additions_.names->Prefetch(rows[i + kAhead].id);
    }
    found.push_back(additions_.names->NameOf(rows[i].id));
    parts += NameFramesOf(found.back());
  }
  return parts;
}

void Snapshot::TellChunk(WallInstant wall) {
  std::vector<std::size_t> widths(filled_.size());
  tbb::parallel_for(std::size_t{0}, filled_.size(), [&](std::size_t piece) {
    filled_[piece] = Settle(std::span(chunk_).subspan(piece * kPiece, filled_[piece]));
    const auto settled = std::span(chunk_).subspan(piece * kPiece, filled_[piece]);
    const auto scales = static_cast<std::size_t>(std::ranges::count_if(
        settled, [this](const Row& row) { return ScaleOf(row).has_value(); }));
    widths[piece] = filled_[piece] + FindNames(piece) + scales;
  });
  std::vector<std::size_t> begins(filled_.size());
  std::exclusive_scan(widths.begin(), widths.end(), begins.begin(), std::size_t{0});
  rows_.resize(begins.back() + widths.back());
  tbb::parallel_for(std::size_t{0}, filled_.size(), [&](std::size_t piece) {
    const auto settled = std::span(chunk_).subspan(piece * kPiece, filled_[piece]);
    DeliveryRecord* out = rows_.data() + begins[piece];
    for (std::size_t i = 0; i < settled.size(); ++i) {
      const std::string_view name = additions_.names ? row_names_[piece][i] : std::string_view{};
      out = WriteRow(settled[i], name, wall, out);
    }
  });
  told_ += std::reduce(filled_.begin(), filled_.end());
  settled_ = read_;
}

// With all that stands before it; returns the place behind.
DeliveryRecord* Snapshot::WriteRow(const Row& row,
                                   std::string_view name,
                                   WallInstant wall,
                                   DeliveryRecord* out) const {
  const DeliveryRecord record = RecordOf(row, wall);
  if (const auto scale = ScaleOf(row)) {
    *out++ = frames::Suspicion(*scale, record);
  }
  out = WriteName(name, sequence_, out);
  *out++ = record;
  return out;
}

// By what its suspicion rises, where that is wanted of it.
std::optional<SuspicionScale> Snapshot::ScaleOf(const Row& row) const noexcept {
  return additions_.suspicion && row.state.liveness == Liveness::kSuspect
             ? ScaleIn(profiles_, row.state.profile, row.arrival)
             : std::nullopt;
}

void Snapshot::TellRemainder(WallInstant wall) {
  const Filter::Look look(*filter_);
  std::array<DeliveryRecord, kMostNameParts + 2> frames;
  for (const auto& [id, as_of] : as_of_) {
    if (as_of.presence == Presence::kThere && !as_of.told && look.WantsRow(FactsOf(as_of.row))) {
      const std::string_view name =
          additions_.names ? additions_.names->NameOf(id) : std::string_view{};
      const DeliveryRecord* const end = WriteRow(as_of.row, name, wall, frames.data());
      rows_.insert(rows_.end(), static_cast<const DeliveryRecord*>(frames.data()), end);
      ++told_;
    }
  }
}

// What a filter asks about; the record itself is made when the row is wanted.
DeliveryRecord Snapshot::FactsOf(const Row& row) noexcept {
  DeliveryRecord out;
  out.kind = RecordKind::kSnapshotRow;
  out.endpoint = row.id;
  out.group = row.group;
  out.profile = static_cast<std::uint8_t>(row.state.profile);
  out.to = static_cast<std::uint8_t>(row.state.liveness);
  out.health = row.state.health;
  return out;
}

DeliveryRecord Snapshot::RecordOf(const Row& row, WallInstant wall) const {
  DeliveryRecord out = frames::Make(RecordKind::kSnapshotRow, sequence_, wall);
  out.endpoint = row.id;
  out.marks = flapping_ && flapping_->contains(row.id) ? kMarkFlapping : 0;
  out.incarnation = row.incarnation;
  out.heartbeat_sequence = row.heard.sequence;
  out.group = row.group;
  out.profile = static_cast<std::uint8_t>(row.state.profile);
  out.to = static_cast<std::uint8_t>(row.state.liveness);
  out.health = row.state.health;
  out.generation = GenerationOf(region_.header().generation);
  const HearingInstant horizon{
      Duration{region_.header().horizon_ns.load(std::memory_order_acquire)}};
  if (row.heard.stamp != 0) {
    const Duration silence = horizon - HearingInstantOf(row.heard.stamp, horizon);
    out.silence_ns = std::max(Duration{}, silence).count();
  }
  return frames::Seal(out);
}

}  // namespace flatline
