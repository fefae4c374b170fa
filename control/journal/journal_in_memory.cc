// The journal while the disk refuses: its segments in memory, and their way to the disk as soon as
// that takes them again.
#include "control/files/page_shield.h"
#include "control/journal/journal.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <iterator>
#include <spdlog/spdlog.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

// So many segments share the memory: the oldest to be given up is a small part of it, and taking
// one does not hold the loop up.
constexpr std::uint64_t kShare = 16;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kDirtyStride = kPage / sizeof(DeliveryRecord);
constexpr Duration kRetry{1'000'000'000};

}  // namespace

std::uint64_t Journal::BytesOfOneInMemory() const noexcept {
  return std::clamp(options_.memory / kShare / kPage * kPage, kPage, options_.segment);
}

bool Journal::PrepareNextInMemory(Instant now) {
  if (options_.memory == 0) {
    return false;
  }
  const std::uint64_t bytes = BytesOfOneInMemory();
  BoundMemory(std::max<std::uint64_t>(options_.memory / bytes, 2), now);
  auto created = Segment::CreateInMemory(options_.memory_directory, FirstOfNext(), bytes);
  if (!created) {
    Refused(created.error(), now);
    return false;
  }
  next_ = std::move(*created);
  if (in_memory_since_ == Instant{}) {
    in_memory_since_ = now;
  }
  return true;
}

// Before one more is taken. A disk that is merely full is first made to take what is in memory, at
// the cost of history; for that there may be one too many.
void Journal::BoundMemory(std::uint64_t most, Instant now) {
  const std::uint64_t in_memory = segments_.size() - SegmentsOnDisk();
  if (in_memory < most) {
    return;
  }
  if (!move_ && GaveUpHistoryFor(fault_, refusal_)) {
    retry_at_ = now;
  }
  const bool is_on_its_way = move_ || retry_at_ == now;
  for (std::uint64_t over = in_memory + 1 - most - (is_on_its_way ? 1 : 0); over != 0; --over) {
    DropOldestInMemory();
  }
}

// The oldest that only memory has: readers are told of a gap, as when retention takes it.
void Journal::DropOldestInMemory() {
  const auto at =
      std::ranges::find_if(segments_, [](const auto& segment) { return segment->is_in_memory(); });
  const std::shared_ptr<Segment> oldest = std::move(*at);
  if (move_ && move_->from() == oldest) {
    move_.reset();
  }
  const bool was_first = at == segments_.begin();
  segments_.erase(at);
  oldest->Remove();
  given_up_ += oldest->capacity();
  if (was_first) {
    holes_.ForgetBefore(segments_.front()->first());
  } else {
    holes_.Add({oldest->first(), oldest->end() - 1});
  }
  spdlog::warn(
      "{}: no more memory may be taken; records {} to {} are given up before the disk had "
      "them",
      options_.directory,
      oldest->first(),
      oldest->end() - 1);
  Show();
}

// On the disk, where room for it was taken long ago: should power be lost, no number that may have
// been told is given out again.
void Journal::MarkInMemory(std::uint64_t sequence) {
  const auto last = std::ranges::find_if(
      segments_.rbegin(), segments_.rend(), [](const auto& one) { return !one->is_in_memory(); });
  if (last != segments_.rend()) {
    (*last)->MarkInMemory(sequence);
    unsynced_mark_ = *last;
    if (marks_.empty() || marks_.back() != *last) {
      marks_.push_back(*last);
    }
  }
}

void Journal::EraseMarks() {
  for (const auto& segment : std::exchange(marks_, {})) {
    segment->MarkInMemory(0);
    unsynced_mark_ = segment;
  }
}

void Journal::MoveToDisk(Instant now) {
  if (!IsInMemory()) {
    return;
  }
  const auto at =
      std::ranges::find_if(segments_, [](const auto& segment) { return segment->is_in_memory(); });
  if (in_memory_since_ == Instant{}) {
    in_memory_since_ = now;  // as a predecessor left it
  }
  if (!move_) {
    if (now < retry_at_) {
      return;
    }
    auto begun = SegmentMove::Begin(options_.directory, *at, options_.allocate);
    if (!begun) {
      Refused(begun.error(), now);
      return;
    }
    move_ = std::move(*begun);
  }
  if (!move_->Step(newest_)) {
    return;
  }
  auto moved = move_->Finish(newest_);
  move_.reset();
  if (!moved) {
    Refused(moved.error(), now);
    return;
  }
  Replace(std::move(*moved));
  if (!IsInMemory()) {
    ReturnToDisk(now);
  }
}

void Journal::Replace(std::shared_ptr<Segment> moved) {
  const auto at = std::ranges::find(segments_, moved->first(), &Segment::first);
  const std::shared_ptr<Segment> before = std::exchange(*at, std::move(moved));
  refusal_.clear();
  fault_ = 0;
  moved_ += std::min(newest_, before->end() - 1) + 1 - before->first();
  synced_ = std::min(synced_, before->first() - 1);
  Show();
  if (!IsInMemory()) {
    // Before its name goes: a successor that finds neither would take these for lost.
    EraseMarks();
  }
  before->Unlink();
}

void Journal::ReturnToDisk(Instant now) {
  if (next_ && next_->is_in_memory()) {
    next_->Unlink();
    next_.reset();
  }
  ::rmdir(options_.memory_directory.c_str());
  spdlog::info(
      "{}: the disk takes the journal again; {} records were written to it from memory "
      "after {:.1f} s, {} were given up",
      options_.directory,
      moved_,
      static_cast<double>((now - in_memory_since_).count()) / 1e9,
      given_up_);
  in_memory_since_ = {};
  moved_ = 0;
  Retain();
}

// What a failed sync was given is not tried again by the kernel, and the next one would tell of
// success: so the pages are made dirty anew.
void Journal::SyncFailed(int number) {
  fault_ = number;
  if (sync_failing_since_ == Instant{}) {
    sync_failing_since_ = now_;
  }
  sync_retry_at_ = now_ + kRetry;
  for (std::uint64_t sequence = synced_from_ + 1; sequence <= synced_; sequence += kDirtyStride) {
    const auto after = std::ranges::upper_bound(segments_, sequence, {}, &Segment::first);
    if (after != segments_.begin() && sequence < (*std::prev(after))->end()) {
      (*std::prev(after))->Touch(sequence);
    }
  }
  synced_ = std::min(synced_, synced_from_);
  if (options_.sync_before_telling) {
    readable_.MayTell(newest_);
  }
}

// Pages that failed are neither on the disk nor will they be.
void Journal::LookForLostPages() {
  const std::uint64_t of_all = page_shield::LostPages();
  if (of_all == lost_pages_of_all_ && lost_pages_ == 0) {
    return;  // which is every turn, and there may be many segments
  }
  lost_pages_of_all_ = of_all;
  std::uint64_t lost = 0;
  for (const auto& segment : segments_) {
    lost += segment->lost_pages();
  }
  if (lost > lost_pages_) {
    SyncFailed(EIO);
  }
  lost_pages_ = lost;
}

JournalHealth Journal::health() const noexcept {
  JournalHealth out;
  out.in_memory_since = IsInMemory() ? in_memory_since_ : Instant{};
  for (auto at = segments_.rbegin(); at != segments_.rend() && (*at)->is_in_memory(); ++at) {
    out.records_in_memory += std::min(newest_, (*at)->end() - 1) + 1 - (*at)->first();
  }
  out.records_given_up = given_up_;
  out.sync_failing_since = sync_failing_since_;
  out.records_damaged = damaged_;
  out.fault = fault_;
  if (missing_since_ != Instant{} && sync_failing_since_ == Instant{}) {
    out.sync_failing_since = missing_since_;
    out.fault = no_restoration_.number != 0 ? no_restoration_.number : ENOENT;
  }
  return out;
}

std::string Journal::Trouble(Instant now) const {
  const JournalHealth health = this->health();
  if (is_recovering()) {
    return fmt::format(
        "{}: the disk takes files again; {} records are still to be written to it from "
        "memory, {} were given up: nothing need be done",
        options_.directory,
        health.records_in_memory,
        health.records_given_up);
  }
  if (IsInMemory()) {
    return fmt::format(
        "{}; the journal is in memory since {:.1f} s ago: {} records are not on the disk, {} were "
        "given up: make room, or mend the disk",
        refusal_.empty() ? options_.directory + ": cannot be synced" : refusal_,
        static_cast<double>((now - health.in_memory_since).count()) / 1e9,
        health.records_in_memory,
        health.records_given_up);
  }
  if (missing_since_ != Instant{}) {
    return fmt::format(
        "{}: needed the file that is being written, found it missing for {:.1f} s; {}: if control "
        "is killed now its records are lost, and their numbers are given out again",
        segments_.back()->path(),
        static_cast<double>((now - missing_since_).count()) / 1e9,
        restoration_ ? "it is being written anew from memory"
                     : no_restoration_.text + ", tried every second: mend the directory");
  }
  if (sync_failing_since_ != Instant{}) {
    return fmt::format(
        "{}: cannot be written to the disk: {}, for {:.1f} s; records from {} on may not be there, "
        "subscribers are told of them all the same: mend the disk",
        options_.directory,
        std::generic_category().message(fault_),
        static_cast<double>((now - sync_failing_since_).count()) / 1e9,
        synced_ + 1);
  }
  if (!segments_.empty() && newest_ + 1 < segments_.back()->end()) {
    return fmt::format(
        "{}; the journal has room on the disk for {} records more, and goes on in "
        "memory then: make room, or mend the disk",
        refusal_,
        segments_.back()->end() - 1 - newest_);
  }
  return fmt::format("{}; transitions wait in the dataplane's rings: make room", refusal_);
}

}  // namespace flatline
