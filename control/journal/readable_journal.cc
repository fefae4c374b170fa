#include "control/journal/readable_journal.h"

#include <algorithm>
#include <iterator>

namespace flatline {
namespace {

// Ranges older than this many segments are read from the disk, perhaps.
constexpr std::ptrdiff_t kWarmSegments = 2;

// A tenth of a second or so: who is not there then is waited for, or is lost.
constexpr unsigned kMostAsks = 20'000;

}  // namespace

JournalRange JournalExtent::From(std::uint64_t sequence,
                                 std::uint64_t newest,
                                 std::size_t limit) const {
  JournalRange out;
  if (sequence > newest || limit == 0) {
    return out;
  }
  if (const std::uint64_t oldest = OldestUpTo(newest); sequence < oldest) {
    out.hole_until = oldest - 1;  // retention has taken it since the caller looked
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

void ReadableJournal::ReportDamage(Hole hole) const {
  const std::lock_guard lock(damage_mutex_);
  damage_.push_back(hole);
  has_damage_.store(true, std::memory_order_relaxed);
}

std::vector<Hole> ReadableJournal::TakeDamage() {
  if (!has_damage_.load(std::memory_order_relaxed)) {
    return {};
  }
  const std::lock_guard lock(damage_mutex_);
  has_damage_.store(false, std::memory_order_relaxed);
  return std::exchange(damage_, {});
}

void JournalReader::Refresh() {
  sound_end_ = 0;
  sound_first_ = 0;
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
  return Vouched(extent_->From(sequence, written, limit), sequence);
}

// One past the last of the range that is sound before one that is not.
std::uint64_t JournalReader::SoundUpTo(const JournalRange& range, std::uint64_t sequence) const {
  const std::uint64_t end = sequence + range.records.size();
  const auto look = [&](std::uint64_t from, std::uint64_t to) {
    const auto records = range.records.subspan(static_cast<std::size_t>(from - sequence),
                                               static_cast<std::size_t>(to - from));
    return from + CountSound(records, from);
  };
  if (end < sound_first_ || sound_end_ < sequence) {
    sound_first_ = sequence;
    sound_end_ = sequence;
  }
  if (sequence < sound_first_) {
    if (const std::uint64_t upto = look(sequence, sound_first_); upto != sound_first_) {
      return upto;
    }
    sound_first_ = sequence;
  }
  if (sound_end_ < end) {
    sound_end_ = look(sound_end_, end);
  }
  return std::min(sound_end_, end);
}

// Looking at a page waits for the disk, which must not hold up those who want what is in memory.
bool JournalReader::IsComing(const JournalRange& range) const {
  const bool is_readable =
      !range.cold || asks_ == kMostAsks || range.keep->IsReadable(range.records);
  asks_ = is_readable ? 0 : asks_ + 1;
  return !is_readable;
}

JournalRange JournalReader::Vouched(JournalRange range, std::uint64_t sequence) const {
  if (!range.records.empty() && IsComing(range)) {
    range.records = {};
    range.is_coming = true;
    return range;
  }
  const std::uint64_t end = sequence + range.records.size();
  const std::uint64_t sound_upto = SoundUpTo(range, sequence);
  if (sound_upto == end) {
    return range;
  }
  std::uint64_t bad_upto = sound_upto + 1;
  while (bad_upto != end &&
         CountSound(range.records.subspan(static_cast<std::size_t>(bad_upto - sequence), 1),
                    bad_upto) == 0) {
    ++bad_upto;
  }
  journal_->ReportDamage({sound_upto, bad_upto - 1});
  range.records = range.records.first(static_cast<std::size_t>(sound_upto - sequence));
  if (range.records.empty()) {
    range.hole_until = bad_upto - 1;
  }
  return range;
}

}  // namespace flatline
