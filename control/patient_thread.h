// A thread of low priority that runs tasks one after the other: work which is dear and which a
// crowd of strangers may ask for, such as handshakes, and that is to take nothing from those who
// serve subscribers, on few cores either. Owned by main, which destroys it after the publishers;
// what has not begun by then is not done. Cost: a lock and a wake for each task.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <thread>
#include <utility>

namespace flatline {

class PatientThread {
 public:
  // Of its share of a core beside somebody of the usual niceness: a tenth.
  static constexpr int kNiceness = 10;

  explicit PatientThread(const char* name) : thread_([this, name] { Run(name); }) {}

  PatientThread(const PatientThread&) = delete;
  PatientThread& operator=(const PatientThread&) = delete;

  ~PatientThread() {
    {
      const std::lock_guard lock(mutex_);
      stops_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  [[nodiscard]] std::function<void(std::function<void()>)> run() {
    return [this](std::function<void()> task) {
      {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
      }
      wake_.notify_one();
    };
  }

 private:
  void Run(const char* name) {
    ::prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL);
    // Of this thread alone; where it is refused, all are alike, as they were.
    static_cast<void>(::setpriority(PRIO_PROCESS, 0, kNiceness));
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stops_ || !tasks_.empty(); });
      if (stops_) {
        return;
      }
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace flatline
