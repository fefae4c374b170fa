#include "control/publisher.h"

#include "control/frames.h"

#include <algorithm>

namespace flatline {
namespace {

constexpr std::size_t kBufferRecords = Subscriber::kBuffer / sizeof(DeliveryRecord);

Outgoing BufferOf(const Subscriber& subscriber) {
  return {std::as_bytes(std::span(subscriber.buffer)), nullptr, false};
}

Outgoing Only(Subscriber& subscriber, const DeliveryRecord& record) {
  subscriber.buffer.assign(1, record);
  return BufferOf(subscriber);
}

}  // namespace

std::expected<Outgoing, Refusal> Publisher::Begin(Subscriber& subscriber,
                                                  const Request& request,
                                                  Instant now,
                                                  WallInstant wall) const {
  const std::uint64_t newest = journal_->newest();
  subscriber.filter = Filter(request);
  subscriber.last_sent = now;
  subscriber.cursor = newest;
  if (request.header.kind == RequestKind::kSubscribeFrom) {
    if (request.header.sequence > newest) {
      return std::unexpected(
          Refusal{DeliveryError::kFutureSequence, "that sequence was never given out"});
    }
    subscriber.cursor = request.header.sequence;
  } else if (request.header.kind == RequestKind::kSubscribeSnapshot) {
    subscriber.stage = Subscriber::Stage::kAwaitsSnapshot;
  }
  return Only(subscriber, frames::Hello(newest, journal_->oldest(), wall));
}

void Publisher::BeginSnapshot(Subscriber& subscriber, const TransitionReader& reader) const {
  subscriber.snapshot = std::make_unique<Snapshot>(reader, journal_->newest(), subscriber.filter);
}

std::expected<Outgoing, Refusal> Publisher::Next(Subscriber& subscriber,
                                                 const TransitionReader* reader,
                                                 Instant now,
                                                 WallInstant wall) const {
  subscriber.buffer.clear();
  Outgoing out;
  if (subscriber.snapshot && reader != nullptr) {
    auto rows = NextOfSnapshot(subscriber, *reader, wall);
    if (!rows) {
      return rows;
    }
    out = std::move(*rows);
  } else if (subscriber.stage == Subscriber::Stage::kFollows) {
    out = NextOfJournal(subscriber, wall);
    if (out.bytes.empty() && now - subscriber.last_sent >= bookmark_) {
      out = Only(subscriber, frames::Bookmark(subscriber.cursor, wall));
    }
  }
  if (!out.bytes.empty()) {
    subscriber.last_sent = now;
  }
  return out;
}

std::expected<Outgoing, Refusal> Publisher::NextOfSnapshot(Subscriber& subscriber,
                                                           const TransitionReader& reader,
                                                           WallInstant wall) const {
  Snapshot& snapshot = *subscriber.snapshot;
  if (subscriber.stage == Subscriber::Stage::kAwaitsSnapshot) {
    subscriber.stage = Subscriber::Stage::kSnapshot;
    subscriber.cursor = snapshot.sequence();
    return Only(subscriber, frames::SnapshotBegin(snapshot.sequence(), wall));
  }
  if (journal_->oldest() > snapshot.sequence() + 1) {
    return std::unexpected(Refusal{DeliveryError::kTooSlow, "the journal moved past the snapshot"});
  }
  for (std::size_t i = 0; i < kChunksATurn; ++i) {
    const Snapshot::Progress progress = snapshot.Advance(reader, wall);
    if (progress == Snapshot::Progress::kTooMuch) {
      return std::unexpected(
          Refusal{DeliveryError::kTooSlow, "too much changed during the snapshot"});
    }
    if (progress == Snapshot::Progress::kWaiting) {
      break;
    }
    if (progress == Snapshot::Progress::kDone) {
      const DeliveryRecord end = frames::SnapshotEnd(snapshot.sequence(), snapshot.told(), wall);
      subscriber.stage = Subscriber::Stage::kFollows;
      subscriber.snapshot.reset();
      return Only(subscriber, end);
    }
    if (!snapshot.rows().empty()) {
      return Outgoing{std::as_bytes(snapshot.rows()), nullptr, false};
    }
  }
  return Outgoing{};
}

Outgoing Publisher::NextOfJournal(Subscriber& subscriber, WallInstant wall) const {
  if (subscriber.cursor >= journal_->newest()) {
    return {};
  }
  if (const std::uint64_t oldest = journal_->oldest(); subscriber.cursor + 1 < oldest) {
    const DeliveryRecord gap = frames::Gap(subscriber.cursor, oldest - 1, wall);
    subscriber.cursor = oldest - 1;
    return Only(subscriber, gap);
  }
  if (!subscriber.filter.everything()) {
    return NextFiltered(subscriber, wall);
  }
  Journal::Range range = journal_->From(subscriber.cursor + 1, kMostSent);
  if (range.hole_until != 0) {
    const DeliveryRecord gap = frames::Gap(subscriber.cursor, range.hole_until, wall);
    subscriber.cursor = range.hole_until;
    return Only(subscriber, gap);
  }
  subscriber.cursor += range.records.size();
  return {std::as_bytes(range.records), std::move(range.keep), range.cold};
}

Outgoing Publisher::NextFiltered(Subscriber& subscriber, WallInstant wall) const {
  std::size_t scanned = 0;
  while (scanned < kMostScanned && subscriber.buffer.size() < kBufferRecords &&
         subscriber.cursor < journal_->newest()) {
    const Journal::Range range = journal_->From(subscriber.cursor + 1, kMostScanned - scanned);
    if (range.hole_until != 0) {
      subscriber.buffer.push_back(frames::Gap(subscriber.cursor, range.hole_until, wall));
      subscriber.cursor = range.hole_until;
      continue;
    }
    const std::size_t looked_at = Select(subscriber, range.records);
    scanned += looked_at;
    subscriber.cursor += looked_at;
  }
  return BufferOf(subscriber);
}

// Copies what is wanted until the buffer is full; returns how many records were looked at.
std::size_t Publisher::Select(Subscriber& subscriber, std::span<const DeliveryRecord> records) {
  std::size_t looked_at = 0;
  for (const DeliveryRecord& record : records) {
    if (subscriber.buffer.size() == kBufferRecords) {
      break;
    }
    ++looked_at;
    if (subscriber.filter.Wants(record)) {
      subscriber.buffer.push_back(record);
    }
  }
  return looked_at;
}

}  // namespace flatline
