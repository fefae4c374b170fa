#include "control/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace flatline {
namespace {

constexpr Duration kRetry{1'000'000'000};
// A disk that is full costs history before it costs verdicts, but never these.
constexpr std::size_t kLeastSegments = 2;
// Ranges older than this many segments are read from the disk, perhaps.
constexpr std::size_t kWarmSegments = 2;

bool IsFull(int number) {
  return number == ENOSPC || number == EDQUOT;
}

}  // namespace

Journal::~Journal() {
  ::close(lock_);
}

std::uint64_t Journal::bytes() const noexcept {
  std::uint64_t sum = next_ ? next_->bytes() : 0;
  for (const auto& segment : segments_) {
    sum += segment->bytes();
  }
  return sum;
}

void Journal::DropOldest() {
  const std::shared_ptr<Segment> oldest = segments_.front();
  segments_.pop_front();
  oldest->Remove();
  std::erase_if(holes_, [&](const Hole& hole) { return hole.last < oldest->end(); });
}

void Journal::Retain() {
  while (segments_.size() > kLeastSegments && bytes() > options_.retain) {
    DropOldest();
  }
}

bool Journal::PrepareNext(Instant now) {
  if (now < retry_at_) {
    return false;
  }
  const std::uint64_t first = segments_.empty() ? newest_ + 1 : segments_.back()->end();
  const std::string path = Segment::PathOf(options_.directory, first);
  auto created = Segment::Create(path, first, options_.segment, options_.allocate);
  while (!created && IsFull(created.error().number) && segments_.size() > kLeastSegments) {
    spdlog::warn("{}; giving up the oldest segment, from sequence {} on",
                 created.error().text,
                 segments_.front()->first());
    DropOldest();
    created = Segment::Create(path, first, options_.segment, options_.allocate);
  }
  if (!created) {
    retry_at_ = now + kRetry;
    trouble_ = fmt::format("{}; transitions wait in the dataplane's rings: make room",
                           created.error().text);
    return false;
  }
  next_ = std::move(*created);
  trouble_.clear();
  Retain();
  return true;
}

bool Journal::HasRoom(Instant now) {
  if (!segments_.empty() && newest_ + 1 < segments_.back()->end()) {
    return true;
  }
  if (!next_ && !PrepareNext(now)) {
    return false;
  }
  segments_.push_back(std::move(next_));
  next_.reset();
  return true;
}

std::size_t Journal::Append(std::span<DeliveryRecord> records, Instant now) {
  std::size_t taken = 0;
  while (taken < records.size() && HasRoom(now)) {
    const Segment& segment = *segments_.back();
    const auto room = static_cast<std::size_t>(segment.end() - 1 - newest_);
    const auto part = records.subspan(taken, std::min(room, records.size() - taken));
    for (DeliveryRecord& record : part) {
      record.sequence = ++newest_;
      record.crc = SealOf(record);
      segment.records()[record.sequence - segment.first()] = record;
    }
    taken += part.size();
  }
  return taken;
}

void Journal::Housekeep(Instant now) {
  if (segments_.empty() || next_) {
    return;
  }
  const Segment& segment = *segments_.back();
  if (newest_ + 1 - segment.first() >= segment.capacity() / 2) {
    static_cast<void>(PrepareNext(now));
  }
}

Journal::Range Journal::From(std::uint64_t sequence, std::size_t limit) const {
  Range out;
  if (sequence > newest_ || limit == 0) {
    return out;
  }
  const auto hole = std::ranges::find_if(
      holes_, [&](const Hole& candidate) { return candidate.last >= sequence; });
  std::uint64_t end = std::min(newest_ + 1, sequence + limit);
  if (hole != holes_.end()) {
    if (hole->first <= sequence) {
      out.hole_until = hole->last;
      return out;
    }
    end = std::min(end, hole->first);
  }
  const auto after = std::ranges::upper_bound(
      segments_, sequence, {}, [](const auto& segment) { return segment->first(); });
  const auto at = std::prev(after);
  const Segment& segment = **at;
  end = std::min(end, segment.end());
  out.records = segment.records().subspan(static_cast<std::size_t>(sequence - segment.first()),
                                          static_cast<std::size_t>(end - sequence));
  out.keep = *at;
  out.cold = std::distance(at, segments_.end()) > static_cast<std::ptrdiff_t>(kWarmSegments);
  return out;
}

std::shared_ptr<const Segment> Journal::SyncTarget() {
  if (segments_.empty() || synced_ == newest_) {
    return nullptr;
  }
  // The segment of the first record not yet synced: after a roll the old one's turn comes first.
  const auto after = std::ranges::upper_bound(
      segments_, synced_ + 1, {}, [](const auto& segment) { return segment->first(); });
  const auto at = after == segments_.begin() ? after : std::prev(after);
  synced_ = std::min(newest_, (*at)->end() - 1);
  return *at;
}

}  // namespace flatline
