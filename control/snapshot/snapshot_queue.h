// Those who wait for a snapshot, in the order in which they asked, and when the next of them may
// begin: a few at the same time, and never two at once, by chance a little sooner or later, so that
// a thousand that come back together are a queue and no storm. Asked by any thread, granted by the
// control loop. Bounds: as many as there are subscribers. Pure but for its seed; `now` is an
// argument. Cost of a turn in which nothing may begin: a look at those that are being made.
#pragma once

#include "control/delivery/refusal.h"
#include "control/snapshot/snapshot_origin.h"

#include <flatline/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

namespace flatline {

class SnapshotQueue {
 public:
  // Snapshots made at the same time.
  static constexpr std::size_t kMostAtOnce = 4;
  // Between two that begin, and up to as much again.
  static constexpr Duration kLeastApart{1'000'000};

  explicit SnapshotQueue(std::uint64_t seed) : random_(seed) {}

  // There is a region to ask, or none any more: who waits has waited in vain.
  void Open();
  void Close();

  // A place at the end, given up with the last reference to it.
  [[nodiscard]] std::expected<std::shared_ptr<SnapshotTicket>, Refusal> Ask();

  // Lets the next ones begin, if it is time; whether any did.
  [[nodiscard]] bool Grant(Instant now, const std::function<SnapshotOrigin()>& origin);

  // Others wait: who has been given his place must be worth it.
  [[nodiscard]] bool is_contested() const noexcept {
    return is_contested_.load(std::memory_order_relaxed);
  }

 private:
  std::mt19937_64 random_;
  std::vector<std::weak_ptr<SnapshotTicket>> granted_;
  Instant next_{};
  std::atomic<bool> is_contested_{false};
  std::mutex mutex_;  // of what follows
  bool is_open_ = false;
  std::deque<std::weak_ptr<SnapshotTicket>> waiting_;
};

}  // namespace flatline
