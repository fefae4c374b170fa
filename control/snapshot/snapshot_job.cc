#include "control/snapshot/snapshot_job.h"

#include <thread>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kAtOnce = 65536;

}  // namespace

SnapshotJob::SnapshotJob(std::shared_ptr<const SnapshotTicket> ticket,
                         const Stream& stream,
                         const ReadableJournal& journal,
                         const Trail& trail,
                         std::function<void()> when_done)
    : ticket_(std::move(ticket)),
      journal_(&journal),
      trail_(&trail),
      reader_(journal),
      when_done_(std::move(when_done)),
      snapshot_(ticket_->origin(),
                stream.filter(),
                {.names = stream.Names(), .suspicion = stream.has_suspicion()}),
      observed_(ticket_->origin().sequence) {}

void SnapshotJob::Start(const Run& run, WallInstant wall) {
  if (state_.load(std::memory_order_acquire) == State::kIdle) {
    state_.store(State::kRunning, std::memory_order_relaxed);
    run([self = shared_from_this(), wall] { self->Step(wall); });
  }
}

void SnapshotJob::Step(WallInstant wall) {
  progress_ = snapshot_.Advance(wall, [this] { return CatchUp(); });
  state_.store(State::kDone, std::memory_order_release);
  when_done_();
}

Snapshot::Progress SnapshotJob::Take(std::vector<DeliveryRecord>& rows) {
  snapshot_.SwapRows(rows);
  state_.store(State::kIdle, std::memory_order_relaxed);
  return progress_;
}

bool SnapshotJob::CatchUp() {
  const std::uint64_t written = journal_->written();
  while (observed_ < written) {
    const JournalRange range = reader_.FromWritten(observed_ + 1, kAtOnce);
    if (written - observed_ >= Trail::kReach || range.hole_until != 0) {
      return false;  // what changed cannot be known any more
    }
    if (range.is_coming) {
      std::this_thread::yield();  // to whoever else is in the pool; asked again, the disk answers
    }
    for (const DeliveryRecord& record : range.records) {
      snapshot_.Observe(record, trail_->At(record.sequence));
    }
    observed_ += range.records.size();
  }
  return true;
}

}  // namespace flatline
