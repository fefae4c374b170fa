// One snapshot in the making: made a chunk ahead, away from the publisher's thread, while the chunk
// before is being sent. Used by one publisher; a step runs wherever `run` says, and never two at
// once. Bounds: two chunks of rows. Cost: see Snapshot.
//
//   kIdle --Start--> kRunning --(step done)--> kDone --Take--> kIdle
#pragma once

#include "control/delivery/stream.h"
#include "control/journal/readable_journal.h"
#include "control/journal/trail.h"
#include "control/snapshot/snapshot.h"
#include "control/snapshot/snapshot_origin.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace flatline {

class SnapshotJob : public std::enable_shared_from_this<SnapshotJob> {
 public:
  // Runs a task, soon or at once, on any thread.
  using Run = std::function<void(std::function<void()> task)>;

  // `when_done` is called on that thread after each step. The ticket has been granted; the journal
  // and the trail outlive the job. Rows are filtered and named as the stream is, with the roster of
  // now.
  SnapshotJob(std::shared_ptr<const SnapshotTicket> ticket,
              const Stream& stream,
              const ReadableJournal& journal,
              const Trail& trail,
              std::function<void()> when_done);

  // Begins a step if none is running or waits to be taken.
  void Start(const Run& run, WallInstant wall);

  [[nodiscard]] bool is_done() const noexcept {
    return state_.load(std::memory_order_acquire) == State::kDone;
  }

  // What came of the step that is done; its rows are in `rows`.
  [[nodiscard]] Snapshot::Progress Take(std::vector<DeliveryRecord>& rows);

  [[nodiscard]] std::uint64_t sequence() const noexcept { return ticket_->origin().sequence; }

  // Once all steps are done.
  [[nodiscard]] std::uint64_t told() const noexcept { return snapshot_.told(); }

  // The region was left: what the table says no longer counts.
  [[nodiscard]] bool is_void() const noexcept { return ticket_->origin().left->load(); }

 private:
  enum class State : std::uint8_t { kIdle, kRunning, kDone };

  void Step(WallInstant wall);
  [[nodiscard]] bool CatchUp();

  std::shared_ptr<const SnapshotTicket> ticket_;
  const ReadableJournal* journal_;
  const Trail* trail_;
  JournalReader reader_;
  std::function<void()> when_done_;
  Snapshot snapshot_;
  std::uint64_t observed_;
  Snapshot::Progress progress_ = Snapshot::Progress::kWaiting;
  std::atomic<State> state_{State::kIdle};
};

}  // namespace flatline
