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

#include "control/holes.h"
#include "control/readable_journal.h"
#include "control/segment.h"

#include <flatline/delivery.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
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
  // fewer than given only where the disk is full, and then `trouble` says so. What was not taken
  // is to be offered again; room is looked for at most once a second.
  std::size_t Append(std::span<DeliveryRecord> records, Instant now);

  // Prepares the next segment before it is needed, and takes to the log what readers found damaged.
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

  // Empty, or the line that says why records are not being taken.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

  // The file that has records which may not be on the disk yet, or null: sync it, holding it, and
  // say so with Synced. One at a time.
  [[nodiscard]] std::shared_ptr<const Segment> SyncTarget();
  void Synced();

  // What is lost amid what is retained.
  [[nodiscard]] const std::vector<Hole>& holes() const noexcept { return holes_.list(); }

  // Records found damaged or missing, at the opening and since.
  [[nodiscard]] std::uint64_t damaged() const noexcept { return damaged_; }

 private:
  Journal(JournalOptions options, int lock) : options_(std::move(options)), lock_(lock) {}

  [[nodiscard]] bool HasRoom(Instant now);
  [[nodiscard]] bool PrepareNext(Instant now);
  void Retain();
  void DropOldest();
  void TakeDamage();
  void Show();
  [[nodiscard]] std::uint64_t bytes() const noexcept;

  friend class JournalRecovery;

  JournalOptions options_;
  int lock_;                                       // flock on <directory>/lock
  std::deque<std::shared_ptr<Segment>> segments_;  // oldest first; the last is being written
  std::shared_ptr<Segment> next_;                  // prepared, empty
  Holes holes_;
  std::uint64_t damaged_ = 0;
  std::uint64_t newest_ = 0;
  std::uint64_t synced_ = 0;  // newest when SyncTarget was last asked
  ReadableJournal readable_;
  Instant retry_at_{};
  std::string trouble_;
};

}  // namespace flatline
