#include "control/readable_journal.h"

#include <algorithm>
#include <iterator>

namespace flatline {
namespace {

// Ranges older than this many segments are read from the disk, perhaps.
constexpr std::ptrdiff_t kWarmSegments = 2;

}  // namespace

JournalRange JournalExtent::From(std::uint64_t sequence,
                                 std::uint64_t newest,
                                 std::size_t limit) const {
  JournalRange out;
  if (sequence > newest || limit == 0) {
    return out;
  }
  const auto hole = std::ranges::find_if(
      holes_, [&](const Hole& candidate) { return candidate.last >= sequence; });
  std::uint64_t end = std::min(newest + 1, sequence + limit);
  if (hole != holes_.end()) {
    if (hole->first <= sequence) {
      out.hole_until = hole->last;
      return out;
    }
    end = std::min(end, hole->first);
  }
  // The last segments are asked for most: look from the end.
  auto at = segments_.end();
  while (at != segments_.begin() && (*std::prev(at))->first() > sequence) {
    --at;
  }
  at = std::prev(at);
  const Segment& segment = **at;
  end = std::min(end, segment.end());
  out.records = segment.records().subspan(static_cast<std::size_t>(sequence - segment.first()),
                                          static_cast<std::size_t>(end - sequence));
  out.keep = *at;
  out.cold = std::distance(at, segments_.end()) > kWarmSegments;
  return out;
}

void ReadableJournal::Replace(std::shared_ptr<const JournalExtent> extent) {
  {
    const std::lock_guard lock(mutex_);
    extent_.swap(extent);
  }
  version_.fetch_add(1, std::memory_order_release);
}  // the old extent goes here, not under the lock

std::shared_ptr<const JournalExtent> ReadableJournal::extent() const {
  const std::lock_guard lock(mutex_);
  return extent_;
}

void JournalReader::Refresh() {
  // First the sequence, then the extent that has it.
  newest_ = journal_->newest();
  TakeExtent();
}

void JournalReader::TakeExtent() {
  if (const std::uint64_t version = journal_->version(); version != version_) {
    extent_ = journal_->extent();
    version_ = version;
  }
}

JournalRange JournalReader::FromWritten(std::uint64_t sequence, std::size_t limit) {
  const std::uint64_t written = journal_->written();
  TakeExtent();
  return extent_->From(sequence, written, limit);
}

}  // namespace flatline
