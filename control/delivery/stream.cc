#include "control/delivery/stream.h"

#include "control/delivery/frames.h"

#include <algorithm>
#include <utility>

namespace flatline {

namespace {

// So many records ahead is the roster's directory fetched.
constexpr std::size_t kAhead = 8;

}  // namespace

Stream::Stream(const JournalReader& journal,
               std::shared_ptr<const Filter> filter,
               Additions additions)
    : journal_(&journal),
      filter_(std::move(filter)),
      additions_(std::move(additions)),
      is_everything_(filter_->everything() && !has_names() && !has_suspicion()),
      upto_(journal.newest()) {}

std::unique_ptr<const NameFrames> Stream::Names() const {
  return has_names() ? std::make_unique<const NameFrames>(additions_.names()) : nullptr;
}

void Stream::Follow(WallInstant wall) {
  const std::uint64_t newest = journal_->newest();
  if (upto_ == newest) {
    return;
  }
  if (is_everything_) {
    produced_ += newest - upto_;
    upto_ = newest;
    return;
  }
  const std::uint64_t limit = std::min(newest, upto_ + kMostScanned);
  while (upto_ < limit) {
    if (chunks_.empty() || chunks_.back()->is_full()) {
      chunks_.push_back(std::make_shared<Chunk>(upto_));
      if (chunks_.size() > kMostChunks) {
        chunks_.pop_front();
      }
    }
    Chunk& chunk = *chunks_.back();
    const std::size_t before = chunk.records.size();
    Encode(chunk, limit, wall);
    produced_ += chunk.records.size() - before;
    if (upto_ == chunk.upto) {
      return;  // the disk is asked for what is next
    }
    upto_ = chunk.upto;
  }
}

// Until the chunk is full or accounts for the journal up to `limit`, or what is next is not in
// memory yet.
void Stream::Encode(Chunk& into, std::uint64_t limit, WallInstant wall) const {
  const Encoding encoding{.look = Filter::Look(*filter_),
                          .names = Names(),
                          .suspicion = has_suspicion() ? additions_.suspicion() : nullptr};
  while (into.upto < limit && !into.is_full()) {
    const std::uint64_t oldest = journal_->oldest();
    if (into.upto + 1 < oldest) {
      into.records.push_back(frames::Gap(into.upto, oldest - 1, wall));
      into.upto = oldest - 1;
      continue;
    }
    // Not more than will be used where all of it is wanted: each record is checked.
    const JournalRange range =
        journal_->From(into.upto + 1, std::min<std::uint64_t>(limit - into.upto, kChunkRecords));
    if (range.hole_until != 0) {
      into.records.push_back(frames::Gap(into.upto, range.hole_until, wall));
      into.upto = range.hole_until;
      continue;
    }
    if (range.is_coming) {
      return;
    }
    Encode(into, range.records, encoding);
  }
}

// As far as there is room.
void Stream::Encode(Chunk& into,
                    std::span<const DeliveryRecord> records,
                    const Encoding& encoding) {
  const auto& [look, names, suspicion] = encoding;
  for (std::size_t i = 0; i < records.size() && !into.is_full(); ++i) {
    const DeliveryRecord& record = records[i];
    ++into.upto;
    if (names != nullptr && i + kAhead < records.size()) {
      names->Prefetch(records[i + kAhead].endpoint);
    }
    if (look.Wants(record)) {
      EncodeOne(into, record, encoding);
    } else if (suspicion != nullptr && look.EndsASuspicion(record)) {
      into.records.push_back(frames::SuspicionOver(record));
    }
  }
}

// With what stands before it, for those who asked for that.
void Stream::EncodeOne(Chunk& into, const DeliveryRecord& record, const Encoding& encoding) {
  if (encoding.suspicion != nullptr) {
    encoding.suspicion->Append(record, into.records);
  }
  if (encoding.names != nullptr) {
    encoding.names->Append(record, into.records);
  } else {
    into.records.push_back(record);
  }
}

Outgoing Stream::From(std::uint64_t& cursor, WallInstant wall) {
  if (cursor >= upto_) {
    return {};
  }
  if (is_everything_) {
    return FromJournal(cursor, wall);
  }
  // Chunks lie behind each other without a gap: the first one that goes beyond the cursor has what
  // is next, if the window reaches back that far.
  if (!chunks_.empty() && chunks_.front()->after <= cursor) {
    auto at = std::ranges::upper_bound(
        chunks_, cursor, {}, [](const std::shared_ptr<Chunk>& chunk) { return chunk->upto; });
    for (; at != chunks_.end(); ++at) {
      if (Outgoing out = FromChunk(*at, cursor); !out.bytes.empty()) {
        return out;
      }
    }
    return {};
  }
  return FromChunk(StrayBehind(cursor, wall), cursor);
}

// Those who fell behind together are mostly as far as each other: what is being sent to the one is
// sent to the next.
std::shared_ptr<Stream::Chunk> Stream::StrayBehind(std::uint64_t cursor, WallInstant wall) {
  for (const std::weak_ptr<Chunk>& weak : strays_) {
    if (auto chunk = weak.lock(); chunk && chunk->after == cursor) {
      return chunk;
    }
  }
  const std::uint64_t window = chunks_.empty() ? upto_ : chunks_.front()->after;
  auto out = std::make_shared<Chunk>(cursor);
  Encode(*out, std::min(window, cursor + kMostScanned), wall);
  strays_[next_stray_++ % kStrays] = out;
  return out;
}

Outgoing Stream::FromChunk(const std::shared_ptr<Chunk>& chunk, std::uint64_t& cursor) {
  const auto first =
      std::ranges::upper_bound(chunk->records, cursor, {}, &DeliveryRecord::sequence);
  cursor = chunk->upto;
  const std::span<const DeliveryRecord> records(first, chunk->records.end());
  if (records.empty()) {
    return {};
  }
  return {std::as_bytes(records), chunk};
}

Outgoing Stream::FromJournal(std::uint64_t& cursor, WallInstant wall) const {
  if (const std::uint64_t oldest = journal_->oldest(); cursor + 1 < oldest) {
    const DeliveryRecord gap = frames::Gap(cursor, oldest - 1, wall);
    cursor = oldest - 1;
    return Only(gap);
  }
  JournalRange range = journal_->From(cursor + 1, kMostSent);
  if (range.hole_until != 0) {
    const DeliveryRecord gap = frames::Gap(cursor, range.hole_until, wall);
    cursor = range.hole_until;
    return Only(gap);
  }
  cursor += range.records.size();
  const Segment* const segment = range.keep.get();
  return {std::as_bytes(range.records), std::move(range.keep), segment, range.cold};
}

}  // namespace flatline
