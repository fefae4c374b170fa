// The journal: every transition that was ever told, as numbered records in mapped segments; the
// only queue to subscribers. One writer, the control loop; publisher threads read through
// readable(), and what they hold stays readable, whatever retention does.
// Bounds: segments of a fixed size, together at most `retain` bytes; sequences from 1, none twice.
// Cost: 64 bytes copied and a CRC each; no system call but when a segment begins.
//
// A record is there, complete and for ever, once Append has returned, though the process be killed
// the next instant. A loss of power may cost what the kernel had not yet written: a second's worth,
// where SyncTarget is synced every second.
#pragma once

#include "control/journal/holes.h"
#include "control/journal/readable_journal.h"
#include "control/journal/segment.h"
#include "control/journal/segment_move.h"

#include <flatline/delivery.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace flatline {

struct JournalOptions {
  std::string directory;
  std::uint64_t segment = std::uint64_t{64} << 20;
  std::uint64_t retain = std::uint64_t{1} << 30;
  Duration retain_age{};  // older segments go too; zero: whatever their age
  bool sync_before_telling = false;
  Allocate allocate{};  // empty: posix_fallocate
  // Has the disk take a file, at start where it matters: 0, or an errno. Empty: fdatasync.
  std::function<int(const Segment&)> sync{};
  // Where the disk refuses, records are kept in memory, at most so many bytes of them; zero: then
  // they are not taken.
  std::uint64_t memory = 0;
  std::string memory_directory{};  // on a file system in memory, for this journal alone
};

// What an operator must know of the journal, beside the log.
struct JournalHealth {
  Instant in_memory_since{};            // zero: it is on the disk
  std::uint64_t records_in_memory = 0;  // and not on the disk
  std::uint64_t records_given_up = 0;   // in memory, before the disk took them, ever
  Instant sync_failing_since{};         // zero: the disk keeps what it is given
  std::uint64_t records_damaged = 0;    // found damaged or missing, ever
  int fault = 0;                        // errno of what the disk refuses now; 0: nothing
};

class Journal {
 public:
  // What Open did to a journal that was not as it should be, in lines for the log; empty: all was
  // well.
  using Findings = std::vector<std::string>;

  // Creates the directory if need be, takes its lock, checks every record there is, cuts what
  // follows the last good one. An error is one line.
  [[nodiscard]] static std::expected<std::unique_ptr<Journal>, std::string> Open(
      const JournalOptions& options, Findings& findings);

  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Numbers, seals and keeps records; they are changed in place accordingly. Returns how many:
  // fewer than given only where neither disk nor memory has room, and then Trouble says so. What
  // was not taken is to be offered again; room on the disk is looked for at most once a second.
  std::size_t Append(std::span<DeliveryRecord> records, Instant now);

  // Prepares the next segment before it is needed, takes to the log what readers found damaged, and
  // looks once a second whether the file that is written is in its place; if not, writes it anew.
  // To be called often; mostly does nothing.
  void Housekeep(Instant now);

  // Gives up segments all of whose records are older than retain_age, but never the newest.
  void Expire(WallInstant wall);

  // Sequence of the newest record, 0 if there never was one; and of the oldest retained, newest + 1
  // if none is.
  [[nodiscard]] std::uint64_t newest() const noexcept { return newest_; }

  [[nodiscard]] std::uint64_t oldest() const noexcept {
    return segments_.empty() ? newest_ + 1 : segments_.front()->first();
  }

  using Range = JournalRange;

  // As JournalExtent::From; for the writer's own thread.
  [[nodiscard]] Range From(std::uint64_t sequence, std::size_t limit) const {
    return readable_.extent()->From(sequence, newest_, limit);
  }

  // For other threads; lives as long as the journal.
  [[nodiscard]] const ReadableJournal& readable() const noexcept { return readable_; }

  // True while something of what it is for cannot be done; and the line that says what.
  [[nodiscard]] bool has_trouble() const noexcept {
    return !refusal_.empty() || IsInMemory() || sync_failing_since_ != Instant{} ||
           missing_since_ != Instant{};
  }

  // True where nobody need do anything about it: the disk is taking what memory has.
  [[nodiscard]] bool is_recovering() const noexcept {
    return refusal_.empty() && IsInMemory() && sync_failing_since_ == Instant{};
  }

  [[nodiscard]] std::string Trouble(Instant now) const;

  [[nodiscard]] JournalHealth health() const noexcept;

  // The file that has records which may not be on the disk yet, or null: sync it, holding it, and
  // say so with Synced, or with SyncFailed and the errno. One at a time. What failed is tried again
  // a second later, and told meanwhile.
  [[nodiscard]] std::shared_ptr<const Segment> SyncTarget();
  void Synced();
  void SyncFailed(int number);

  // What is lost amid what is retained.
  [[nodiscard]] const std::vector<Hole>& holes() const noexcept { return holes_.list(); }

 private:
  Journal(JournalOptions options, int lock) : options_(std::move(options)), lock_(lock) {}

  [[nodiscard]] bool HasRoom(Instant now);
  [[nodiscard]] bool PrepareNext(Instant now);
  [[nodiscard]] std::uint64_t FirstOfNext() const noexcept;
  [[nodiscard]] bool GaveUpHistoryFor(int number, const std::string& text);
  void SettleInherited(Findings& findings);
  void Refused(const SegmentError& error, Instant now);
  void Retain();
  void DropOldest();
  void TakeDamage();
  void Show();
  [[nodiscard]] std::uint64_t BytesOnDisk() const noexcept;
  [[nodiscard]] std::size_t SegmentsOnDisk() const noexcept;

  // In memory (journal_in_memory.cc):
  [[nodiscard]] bool IsInMemory() const noexcept {
    return !segments_.empty() && segments_.back()->is_in_memory();
  }

  [[nodiscard]] bool PrepareNextInMemory(Instant now);
  [[nodiscard]] std::uint64_t BytesOfOneInMemory() const noexcept;
  void BoundMemory(std::uint64_t most, Instant now);
  void DropOldestInMemory();
  void MarkInMemory(std::uint64_t sequence);
  [[nodiscard]] int SyncNow(const Segment& segment) const;
  void EraseMarks();
  void MoveToDisk(Instant now);
  void Replace(std::shared_ptr<Segment> moved);
  void ReturnToDisk(Instant now);
  void LookForLostPages();

  // When somebody removes its files (journal_in_place.cc):
  void LookForLostFiles(Instant now);
  void LookAtTheNewest(Instant now);
  void WriteAnew();

  friend class JournalRecovery;

  JournalOptions options_;
  int lock_;                                       // flock on <directory>/lock
  std::deque<std::shared_ptr<Segment>> segments_;  // oldest first; the last is being written
  std::shared_ptr<Segment> next_;                  // prepared, empty
  Holes holes_;
  std::uint64_t damaged_ = 0;
  std::uint64_t newest_ = 0;
  std::uint64_t synced_ = 0;       // up to here SyncTarget has asked
  std::uint64_t synced_from_ = 0;  // and behind here, the last time
  Instant now_{};                  // of the last call that had one
  ReadableJournal readable_;
  Instant retry_at_{};
  std::string refusal_;  // the disk's last word, until it takes something
  int fault_ = 0;        // its errno
  std::unique_ptr<SegmentMove> move_;
  Instant in_memory_since_{};
  std::vector<std::shared_ptr<const Segment>> marks_;  // that have a mark for what is in memory
  std::shared_ptr<const Segment> unsynced_mark_;       // not on the disk yet
  Instant sync_failing_since_{};
  Instant sync_retry_at_{};
  Instant look_at_{};                         // next, whether files are in their places
  Instant missing_since_{};                   // the file that is written; zero: it is in its place
  std::unique_ptr<SegmentMove> restoration_;  // of a missing file
  SegmentError no_restoration_{};             // why there is none, at the last attempt
  std::uint64_t lost_pages_ = 0;              // of the segments there are
  std::uint64_t lost_pages_of_all_ = 0;
  std::uint64_t given_up_ = 0;  // records in memory that the disk never had
  std::uint64_t moved_ = 0;     // records, since memory was needed
};

}  // namespace flatline
