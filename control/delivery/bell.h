// Wakes a publisher thread that has gone to sleep, and costs nothing while it has not. Rung by the
// control loop and by whoever finishes something for that thread; shared, so that a late ring finds
// it. Assumes the sleeper looks for work once more after LieDown.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

namespace flatline {

class Bell {
 public:
  // `wake` ends a wait; it may be called from any thread.
  explicit Bell(std::function<void()> wake = {}) : wake_(std::move(wake)) {}

  // Whatever the ringer did before, the sleeper sees once awake, or before he sleeps.
  void Ring() {
    if (is_asleep_.exchange(false) && wake_) {
      wake_();
    }
  }

  void LieDown() noexcept { is_asleep_.store(true); }

  void GetUp() noexcept { is_asleep_.store(false); }

 private:
  std::function<void()> wake_;
  std::atomic<bool> is_asleep_{false};
};

}  // namespace flatline
