#include "control/journal/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <iterator>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

constexpr Duration kRetry{1'000'000'000};
// A disk that is full costs history before it costs verdicts, but never these.
constexpr std::size_t kLeastSegments = 2;

bool IsFull(int number) {
  return number == ENOSPC || number == EDQUOT;
}

}  // namespace

Journal::~Journal() {
  ::close(lock_);
}

std::uint64_t Journal::BytesOnDisk() const noexcept {
  std::uint64_t sum = next_ && !next_->is_in_memory() ? next_->bytes() : 0;
  for (const auto& segment : segments_) {
    sum += segment->is_in_memory() ? 0 : segment->bytes();
  }
  return sum;
}

std::size_t Journal::SegmentsOnDisk() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      segments_, [](const auto& segment) { return !segment->is_in_memory(); }));
}

void Journal::DropOldest() {
  const std::shared_ptr<Segment> oldest = segments_.front();
  segments_.pop_front();
  oldest->Remove();
  holes_.ForgetBefore(segments_.empty() ? newest_ + 1 : segments_.front()->first());
  Show();
}

// Readers are to see the segments as they are now.
void Journal::Show() {
  readable_.Replace(std::make_shared<JournalExtent>(
      std::vector<std::shared_ptr<const Segment>>(segments_.begin(), segments_.end()),
      holes_.list()));
}

void Journal::Retain() {
  while (SegmentsOnDisk() > kLeastSegments && BytesOnDisk() > options_.retain) {
    DropOldest();
  }
}

void Journal::Expire(WallInstant wall) {
  while (options_.retain_age != Duration{} && segments_.size() > 1) {
    const Segment& segment = *segments_.front();
    if (segment.is_in_memory()) {
      return;  // the disk is to have it first
    }
    const std::int64_t last_ns = segment.records().back().at_ns;
    if (last_ns >= (wall - options_.retain_age).time_since_epoch().count()) {
      return;
    }
    DropOldest();
  }
}

void Journal::TakeDamage() {
  for (const Hole& hole : readable_.TakeDamage()) {
    if (hole.last < oldest()) {
      continue;
    }
    const std::uint64_t fresh = holes_.Add(hole);
    if (fresh != 0) {
      damaged_ += fresh;
      spdlog::error(
          "{}: records {} to {} were damaged after they were written; they are not sent, "
          "subscribers are told of a gap there: look at the disk and the memory of this machine",
          options_.directory,
          hole.first,
          hole.last);
      Show();
    }
  }
}

std::uint64_t Journal::FirstOfNext() const noexcept {
  return segments_.empty() ? newest_ + 1 : std::max(segments_.back()->end(), newest_ + 1);
}

bool Journal::PrepareNext(Instant now) {
  if (now < retry_at_ || IsInMemory()) {
    return false;
  }
  const std::uint64_t first = FirstOfNext();
  const std::string path = Segment::PathOf(options_.directory, first);
  auto created = Segment::Create(path, first, options_.segment, options_.allocate);
  while (!created && options_.memory == 0 &&
         GaveUpHistoryFor(created.error().number, created.error().text)) {
    created = Segment::Create(path, first, options_.segment, options_.allocate);
  }
  if (!created) {
    Refused(created.error(), now);
    return false;
  }
  next_ = std::move(*created);
  refusal_.clear();
  fault_ = 0;
  Retain();
  return true;
}

bool Journal::GaveUpHistoryFor(int number, const std::string& text) {
  if (!IsFull(number) || SegmentsOnDisk() <= kLeastSegments) {
    return false;
  }
  spdlog::warn(
      "{}; giving up the oldest segment, from sequence {} on", text, segments_.front()->first());
  DropOldest();
  return true;
}

void Journal::Refused(const SegmentError& error, Instant now) {
  retry_at_ = now + kRetry;
  refusal_ = error.text;
  fault_ = error.number;
}

bool Journal::HasRoom(Instant now) {
  if (!segments_.empty() && newest_ + 1 < segments_.back()->end()) {
    return true;
  }
  if (!next_ && !PrepareNext(now) && !PrepareNextInMemory(now)) {
    return false;
  }
  segments_.push_back(std::move(next_));
  next_.reset();
  if (IsInMemory()) {
    MarkInMemory(segments_.back()->end() - 1);
  }
  Show();
  return true;
}

std::size_t Journal::Append(std::span<DeliveryRecord> records, Instant now) {
  now_ = now;
  std::size_t taken = 0;
  while (taken < records.size() && HasRoom(now)) {
    const Segment& segment = *segments_.back();
    const auto room = static_cast<std::size_t>(segment.end() - 1 - newest_);
    const auto part = records.subspan(taken, std::min(room, records.size() - taken));
    for (DeliveryRecord& record : part) {
      record.sequence = ++newest_;
      record.crc = SealOf(record);
      segment.Put(record);
    }
    segment.MarkGiven(newest_);
    taken += part.size();
  }
  readable_.Wrote(newest_);
  if (!options_.sync_before_telling || sync_failing_since_ != Instant{}) {
    readable_.MayTell(newest_);
  }
  return taken;
}

void Journal::Housekeep(Instant now) {
  now_ = now;
  TakeDamage();
  LookForLostPages();
  MoveToDisk(now);
  LookForLostFiles(now);
  if (segments_.empty() || next_) {
    return;
  }
  const Segment& segment = *segments_.back();
  if (newest_ + 1 - segment.first() >= segment.capacity() / 2) {
    static_cast<void>(IsInMemory() ? PrepareNextInMemory(now) : PrepareNext(now));
  }
}

std::shared_ptr<const Segment> Journal::SyncTarget() {
  if (sync_failing_since_ != Instant{} && now_ < sync_retry_at_) {
    return nullptr;
  }
  synced_from_ = synced_;
  if (unsynced_mark_) {
    return std::exchange(unsynced_mark_, nullptr);
  }
  if (segments_.empty() || synced_ == newest_) {
    return nullptr;
  }
  // The segment of the first record not yet synced, or the next where that is lost: after a roll
  // the old one's turn comes first.
  const auto at = std::ranges::upper_bound(
      segments_, synced_ + 1, {}, [](const auto& segment) { return segment->end(); });
  if (at == segments_.end()) {
    synced_ = newest_;
    return nullptr;
  }
  synced_ = std::min(newest_, (*at)->end() - 1);
  return *at;
}

void Journal::Synced() {
  if (sync_failing_since_ != Instant{} && lost_pages_ == 0) {
    spdlog::info("{}: can be written to the disk again", options_.directory);
    sync_failing_since_ = {};
    fault_ = 0;
  }
  if (options_.sync_before_telling) {
    readable_.MayTell(std::max(synced_, readable_.newest()));
  }
}

}  // namespace flatline
