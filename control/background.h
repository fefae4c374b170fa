// Where the steps of snapshots run: TBB's cores, none of which a publisher waits for. Owned by
// main, which destroys it after the publishers and before the service: by then every step has
// ended.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>

#include <tbb/task_arena.h>

namespace flatline {

class Background {
 public:
  Background() = default;
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  ~Background() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return running_ == 0; });
  }

  [[nodiscard]] std::function<void(std::function<void()>)> run() {
    return [this](std::function<void()> task) { Run(std::move(task)); };
  }

 private:
  void Run(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      ++running_;
    }
    arena_.enqueue([this, task = std::move(task)] {
      task();
      const std::lock_guard lock(mutex_);
      --running_;
      idle_.notify_all();
    });
  }

  tbb::task_arena arena_;  // enqueued: runs on one core too, and waits for no caller
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t running_ = 0;
};

}  // namespace flatline
