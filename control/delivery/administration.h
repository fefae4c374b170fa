// Carries out enrolments and retirements for those who ask over the Unix socket: entries become
// commands in the ring of the worker that owns the endpoint, results come back and are told in the
// order of the entries. The control loop turns it; sessions submit batches and take answers from
// their own threads. Assumes one consumer and one producer of the rings. Bounds: in each worker's
// rings never more than they hold, so a result always finds room; a batch is at most
// kMaxAdminEntries. Cost: one hash and one store an entry.
//
//   entries: | answered | known | commanded ... | not yet |       each index only moves right
#pragma once

#include <flatline/command_ring.h>
#include <flatline/delivery.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

class Maintenance;

// What comes with entries of maintenance.
struct MaintenanceWish {
  std::uint32_t seconds = 0;
  std::string reason{};
};

// One request, as it is being carried out: by the control loop, for a session on another thread.
class AdminBatch {
 public:
  AdminBatch(std::uint64_t serial, std::vector<AdminEntry> entries, MaintenanceWish wish)
      : serial_(serial),
        entries_(std::move(entries)),
        wish_(std::move(wish)),
        statuses_(entries_.size()) {}

  // Appends answers that are next in order to `out`, at most `limit`.
  void TakeAnswers(std::vector<DeliveryRecord>& out, std::size_t limit);

  // True when every answer has been taken.
  [[nodiscard]] bool finished() const {
    const std::lock_guard lock(mutex_);
    return answered_ == entries_.size();
  }

 private:
  friend class Administration;

  static constexpr std::uint8_t kOpen = 0;  // no CommandStatus

  mutable std::mutex mutex_;  // of all that follows
  std::uint64_t serial_;
  std::vector<AdminEntry> entries_;
  MaintenanceWish wish_;
  std::vector<std::uint8_t> statuses_;
  std::size_t commanded_ = 0;
  std::size_t answered_ = 0;
};

class Administration {
 public:
  // `first_serial` tells our tickets from those of a predecessor: a clock, say.
  explicit Administration(std::uint64_t first_serial) : next_serial_(first_serial) {}

  // The region to work on; commands of which nothing came back from another one are given again.
  void Attach(const RegionView& region);

  void Detach();

  // By any thread.
  // Of commands, ever: by anybody.
  [[nodiscard]] std::uint64_t results() const noexcept { return results_.load(); }

  [[nodiscard]] bool attached() const noexcept { return is_attached_.load(); }

  // Carried out for as long as the caller holds it. By any thread.
  [[nodiscard]] std::shared_ptr<AdminBatch> Submit(std::vector<AdminEntry> entries,
                                                   MaintenanceWish wish = {});

  // Before the first turn: who keeps maintenance; nobody, and it is refused.
  void Maintain(Maintenance* maintenance) noexcept { maintenance_ = maintenance; }

  // Reads results and gives commands, as far as there is room. True when either was done. `wall` is
  // when maintenance begins and ends.
  bool Turn(WallInstant wall = {});

 private:
  [[nodiscard]] bool ReadResults(const RegionView& region, unsigned worker);
  void Settle(const CommandResult& result);
  [[nodiscard]] bool Give(const RegionView& region, AdminBatch& batch, WallInstant wall);
  [[nodiscard]] CommandStatus CarryOut(const AdminEntry& entry,
                                       const MaintenanceWish& wish,
                                       WallInstant wall);
  [[nodiscard]] static std::size_t RoomOf(const RegionView& region, unsigned worker) noexcept;

  std::optional<RegionView> region_;
  Maintenance* maintenance_ = nullptr;
  std::atomic<bool> is_attached_{false};
  std::atomic<std::uint64_t> results_{0};
  std::mutex mutex_;  // of the next two
  std::uint64_t next_serial_;
  std::vector<std::weak_ptr<AdminBatch>> batches_;
};

}  // namespace flatline
