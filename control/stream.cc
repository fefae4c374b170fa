#include "control/stream.h"

#include "control/frames.h"

#include <algorithm>
#include <utility>

namespace flatline {

Stream::Stream(const JournalReader& journal, std::shared_ptr<const Filter> filter)
    : journal_(&journal),
      filter_(std::move(filter)),
      is_everything_(filter_->everything()),
      upto_(journal.newest()) {}

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
    if (chunks_.empty() || chunks_.back()->records.size() == kChunkRecords) {
      chunks_.push_back(std::make_shared<Chunk>(upto_));
      if (chunks_.size() > kMostChunks) {
        chunks_.pop_front();
      }
    }
    Chunk& chunk = *chunks_.back();
    const std::size_t before = chunk.records.size();
    Encode(chunk, limit, wall);
    produced_ += chunk.records.size() - before;
    upto_ = chunk.upto;
  }
}

// Until the chunk is full or accounts for the journal up to `limit`.
void Stream::Encode(Chunk& into, std::uint64_t limit, WallInstant wall) const {
  const Filter::Look look(*filter_);
  while (into.upto < limit && into.records.size() < kChunkRecords) {
    const std::uint64_t oldest = journal_->oldest();
    if (into.upto + 1 < oldest) {
      into.records.push_back(frames::Gap(into.upto, oldest - 1, wall));
      into.upto = oldest - 1;
      continue;
    }
    const JournalRange range =
        journal_->From(into.upto + 1, static_cast<std::size_t>(limit - into.upto));
    if (range.hole_until != 0) {
      into.records.push_back(frames::Gap(into.upto, range.hole_until, wall));
      into.upto = range.hole_until;
      continue;
    }
    for (const DeliveryRecord& record : range.records) {
      if (into.records.size() == kChunkRecords) {
        break;
      }
      ++into.upto;
      if (look.Wants(record)) {
        into.records.push_back(record);
      }
    }
  }
}

Outgoing Stream::From(std::uint64_t& cursor, WallInstant wall) const {
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
  const std::uint64_t window = chunks_.empty() ? upto_ : chunks_.front()->after;
  auto own = std::make_shared<Chunk>(cursor);
  Encode(*own, std::min(window, cursor + kMostScanned), wall);
  if (own->records.empty()) {
    cursor = own->upto;
    return {};
  }
  return FromChunk(own, cursor);
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
