#include "control/snapshot/snapshot_queue.h"

#include <utility>

namespace flatline {

void SnapshotQueue::Open() {
  const std::lock_guard lock(mutex_);
  is_open_ = true;
}

void SnapshotQueue::Close() {
  granted_.clear();
  is_contested_.store(false, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  is_open_ = false;
  for (const auto& weak : std::exchange(waiting_, {})) {
    if (const auto ticket = weak.lock()) {
      ticket->Cancel();
    }
  }
}

std::expected<std::shared_ptr<SnapshotTicket>, Refusal> SnapshotQueue::Ask() {
  const std::lock_guard lock(mutex_);
  if (!is_open_) {
    return Refuse(DeliveryError::kNoDataplane, "there is no region: start the dataplane");
  }
  auto out = std::make_shared<SnapshotTicket>();
  waiting_.push_back(out);
  return out;
}

bool SnapshotQueue::Grant(Instant now, const std::function<SnapshotOrigin()>& origin) {
  std::erase_if(granted_, [](const auto& weak) { return weak.expired(); });
  const std::lock_guard lock(mutex_);
  while (!waiting_.empty() && waiting_.front().expired()) {
    waiting_.pop_front();  // it did not wait for its turn
  }
  is_contested_.store(!waiting_.empty(), std::memory_order_relaxed);
  if (waiting_.empty() || granted_.size() == kMostAtOnce || now < next_) {
    return false;
  }
  const auto ticket = waiting_.front().lock();
  waiting_.pop_front();
  if (!ticket) {
    return false;
  }
  ticket->Grant(origin());
  granted_.push_back(ticket);
  const std::int64_t least = kLeastApart.count();
  next_ =
      now + Duration{least + std::uniform_int_distribution<std::int64_t>(0, least - 1)(random_)};
  return true;
}

}  // namespace flatline
