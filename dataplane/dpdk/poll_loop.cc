#include "dataplane/dpdk/poll_loop.h"

#include "dataplane/dpdk/tsc_clock.h"
#include "dataplane/idle.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

namespace flatline::dpdk {
namespace {

void Rest(Idle::Action action) noexcept {
  switch (action) {
    case Idle::Action::kTurn:
      return;
    case Idle::Action::kPause:
      rte_pause();
      return;
    case Idle::Action::kNap: {
      const timespec nap{.tv_sec = 0, .tv_nsec = Idle::kNap.count()};
      nanosleep(&nap, nullptr);
      return;
    }
  }
}

// The one processor of this thread, or -1 where it may run on several.
int PinnedCpu() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) != 1) {
    return -1;
  }
  return sched_getcpu();
}

}  // namespace

PollLoops::PollLoops(Engine& engine, const RegionView& region, IdleMode idle)
    : engine_(engine), region_(region), idle_(idle), running_(engine.workers()) {}

PollLoops::~PollLoops() {
  stop_.store(true, std::memory_order_relaxed);
  for (const Loop& loop : running_) {
    if (loop.loops != nullptr) {
      (void)rte_eal_wait_lcore(loop.lcore);
    }
  }
}

std::expected<void, std::string> PollLoops::Launch(std::span<const unsigned> lcores) {
  for (unsigned w = 0; w < running_.size(); ++w) {
    running_[w] = {.loops = this, .worker = w, .lcore = lcores[w]};
    if (const int code = rte_eal_remote_launch(Run, &running_[w], lcores[w]); code != 0) {
      running_[w].loops = nullptr;
      return std::unexpected(fmt::format("worker {}: does not start: {}", w, rte_strerror(-code)));
    }
  }
  return {};
}

int PollLoops::Run(void* loop) {
  const auto& own = *static_cast<const Loop*>(loop);
  own.loops->Poll(own.worker);
  return 0;
}

void PollLoops::Poll(unsigned worker_index) {
  // or the kernel adds 50 µs to every nap
  (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  WorkerProgress& progress = region_.dataplane().progress[worker_index];
  progress.thread_id.store(gettid(), std::memory_order_relaxed);
  progress.cpu.store(PinnedCpu(), std::memory_order_relaxed);
  Worker& worker = engine_.worker(worker_index);
  TscClock clock;
  Idle idle(idle_);
  while (!stop_.load(std::memory_order_relaxed)) {
    worker.Receive();
    const TurnOutcome outcome = worker.Turn(clock.Now());
    Rest(idle.After(outcome.frames > 0 || outcome.more));
  }
}

}  // namespace flatline::dpdk
