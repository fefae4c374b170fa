// Where a snapshot begins: the instant between two turns of the scribe at which everything that the
// rings have given back is journaled and nothing else. Granted by the control loop, used by the
// snapshot on other threads: it keeps the region mapped, and says when the region has been left.
#pragma once

#include <flatline/region.h>
#include <flatline/transition.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace flatline {

struct SnapshotOrigin {
  RegionView region;
  std::shared_ptr<const void> keep;  // the mapping
  std::shared_ptr<const std::atomic<bool>> left;
  std::uint64_t sequence = 0;         // the journal's newest
  std::vector<Transition> unapplied;  // the last one of each worker: perhaps not in its record yet
  // Whose changes are suppressed, as of the sequence; null: nobody's.
  std::shared_ptr<const std::unordered_set<EndpointId>> flapping{};
};

// A place in the queue for one. `origin` is there, for good, once is_granted.
class SnapshotTicket {
 public:
  void Grant(SnapshotOrigin origin) {
    origin_.emplace(std::move(origin));
    is_granted_.store(true, std::memory_order_release);
  }

  [[nodiscard]] bool is_granted() const noexcept {
    return is_granted_.load(std::memory_order_acquire);
  }

  // There will be none: the region is gone.
  void Cancel() noexcept { is_cancelled_.store(true); }

  [[nodiscard]] bool is_cancelled() const noexcept { return is_cancelled_.load(); }

  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): asked for once there is one
  [[nodiscard]] const SnapshotOrigin& origin() const noexcept { return *origin_; }

 private:
  std::optional<SnapshotOrigin> origin_;
  std::atomic<bool> is_granted_{false};
  std::atomic<bool> is_cancelled_{false};
};

}  // namespace flatline
