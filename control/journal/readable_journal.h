// What other threads see of the journal: how far it is written, how far it may be told, and its
// segments. Written by the journal's one writer; a publisher thread looks through a JournalReader
// of its own. A segment stays mapped while any reader's extent or send has it, whatever retention
// does. Cost: two atomic loads a turn; a lock when a segment came or went.
#pragma once

#include "control/journal/segment.h"

#include <flatline/delivery.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace flatline {

struct JournalRange {
  std::span<const DeliveryRecord> records;  // contiguous; empty only where `hole_until` is set,
                                            // they are coming, or nothing is newer
  std::shared_ptr<const Segment> keep;      // holds their memory
  std::uint64_t hole_until = 0;             // the record asked for is lost, up to this one
  bool cold = false;                        // perhaps not in memory
  bool is_coming = false;                   // no records yet: the disk was asked for them
};

// The segments at one time, oldest first, and the damage in them; never changed.
class JournalExtent {
 public:
  JournalExtent() = default;

  JournalExtent(std::vector<std::shared_ptr<const Segment>> segments, std::vector<Hole> holes)
      : segments_(std::move(segments)), holes_(std::move(holes)) {}

  // `newest` + 1 where there is nothing.
  [[nodiscard]] std::uint64_t OldestUpTo(std::uint64_t newest) const noexcept {
    return segments_.empty() ? newest + 1 : segments_.front()->first();
  }

  // Records from `sequence` to `newest`, at most `limit`, without crossing a segment or a hole;
  // what is older than the oldest is one.
  [[nodiscard]] JournalRange From(std::uint64_t sequence,
                                  std::uint64_t newest,
                                  std::size_t limit) const;

 private:
  std::vector<std::shared_ptr<const Segment>> segments_;
  std::vector<Hole> holes_;
};

class ReadableJournal {
 public:
  // By the writer. An extent is replaced before what is in its newest segment is published.
  void Replace(std::shared_ptr<const JournalExtent> extent);

  void Wrote(std::uint64_t sequence) noexcept { written_.store(sequence); }

  void MayTell(std::uint64_t sequence) noexcept { newest_.store(sequence); }

  // By anybody. The last record that is complete in memory, and the last that may be sent.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(); }

  [[nodiscard]] std::uint64_t newest() const noexcept { return newest_.load(); }

  [[nodiscard]] std::uint64_t version() const noexcept {
    return version_.load(std::memory_order_acquire);
  }

  [[nodiscard]] std::shared_ptr<const JournalExtent> extent() const;

  // By anybody: that these are not as they were written. They become a hole when the writer has
  // heard of it.
  void ReportDamage(Hole hole) const;

  // By the writer: what was reported since.
  [[nodiscard]] std::vector<Hole> TakeDamage();

 private:
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> newest_{0};
  std::atomic<std::uint64_t> version_{0};  // of the extent
  mutable std::mutex mutex_;               // of extent_
  std::shared_ptr<const JournalExtent> extent_ = std::make_shared<JournalExtent>();
  mutable std::atomic<bool> has_damage_{false};
  mutable std::mutex damage_mutex_;  // of damage_
  mutable std::vector<Hole> damage_;
};

// One thread's view, as of its last Refresh. No record leaves it that is not as it was written:
// each is looked at once between two Refreshes, however many subscribers want it then. What is
// found damaged is reported, and a hole for this reader from then on.
class JournalReader {
 public:
  explicit JournalReader(const ReadableJournal& journal) : journal_(&journal) { Refresh(); }

  void Refresh();

  [[nodiscard]] std::uint64_t newest() const noexcept { return newest_; }

  [[nodiscard]] std::uint64_t oldest() const noexcept { return extent_->OldestUpTo(newest_); }

  [[nodiscard]] JournalRange From(std::uint64_t sequence, std::size_t limit) const {
    return Vouched(extent_->From(sequence, newest_, limit), sequence);
  }

  // Likewise, of records that are written and perhaps may not be told yet.
  [[nodiscard]] JournalRange FromWritten(std::uint64_t sequence, std::size_t limit);

  // True when a Refresh would show more.
  [[nodiscard]] bool is_behind() const noexcept { return journal_->newest() != newest_; }

 private:
  void TakeExtent();
  [[nodiscard]] bool IsComing(const JournalRange& range) const;
  [[nodiscard]] JournalRange Vouched(JournalRange range, std::uint64_t sequence) const;
  [[nodiscard]] std::uint64_t SoundUpTo(const JournalRange& range, std::uint64_t sequence) const;

  const ReadableJournal* journal_;
  std::uint64_t newest_ = 0;
  std::uint64_t version_ = ~std::uint64_t{0};
  std::shared_ptr<const JournalExtent> extent_;
  // Sequences [first, end) have been looked at since the last Refresh, and are as they should be.
  mutable unsigned asks_ = 0;  // in a row, for what is not in memory yet
  mutable std::uint64_t sound_first_ = 0;
  mutable std::uint64_t sound_end_ = 0;
};

}  // namespace flatline
