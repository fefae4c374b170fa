// What this machine itself takes from a thread that does nothing but look at the clock, on a core
// of its own and before all others (SCHED_FIFO, where that is permitted): the share of time that
// lies in gaps longer than a tick of the wheel, and the longest. No verdict can be more punctual
// than the machine: an instant drawn at random falls into such a gap with that probability. On
// every core at once, `gap_bench [SECONDS]`. Spins for all of that time; the real-time throttling
// of the kernel, which would be a gap of its own, leaves 5 % of each second to others, so each
// second has a pause of 60 ms in which nothing is measured.
//
//   judgement.machine_gaps_share       time in gaps over one tick, over all time: the worst core
//   judgement.machine_gaps_longest_us  of any core
//   judgement.machine_gaps_real_time   1: with SCHED_FIFO
#include "bench/cores.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <sched.h>
#include <thread>
#include <vector>

namespace flatline {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::chrono::nanoseconds kTick{1 << 20};  // of the timing wheel
constexpr milliseconds kStretch(940);
constexpr milliseconds kPause(60);

struct Gaps {
  Clock::duration measured{};
  Clock::duration in_gaps{};
  Clock::duration longest{};
  bool is_real_time = false;
};

// Spins until the stretch is over.
void Look(Gaps& out) {
  const Clock::time_point begin = Clock::now();
  Clock::time_point last = begin;
  while (last - begin < kStretch) {
    const Clock::time_point now = Clock::now();
    const Clock::duration gap = now - last;
    if (gap > kTick) {
      out.in_gaps += gap;
    }
    out.longest = std::max(out.longest, gap);
    last = now;
  }
  out.measured += last - begin;
}

Gaps LookOn(int core, int seconds) {
  Gaps out;
  RunOn(core);
  sched_param priority{};
  priority.sched_priority = 1;
  out.is_real_time = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
  for (int second = 0; second < seconds; ++second) {
    Look(out);
    std::this_thread::sleep_for(kPause);
  }
  return out;
}

double ShareOf(const Gaps& gaps) {
  return std::chrono::duration<double>(gaps.in_gaps) / gaps.measured;
}

void Report(int seconds) {
  const std::vector<int> cores = AllowedCores();
  std::vector<Gaps> found(cores.size());
  {
    std::vector<std::jthread> threads;
    threads.reserve(cores.size());
    for (std::size_t i = 0; i < cores.size(); ++i) {
      threads.emplace_back([&, i] { found[i] = LookOn(cores[i], seconds); });
    }
  }
  const auto worst = std::ranges::max(found, {}, ShareOf);
  const auto longest = std::ranges::max(found, {}, &Gaps::longest).longest;
  std::printf("judgement.machine_gaps_share %.3g 1\n", ShareOf(worst));
  std::printf("judgement.machine_gaps_longest_us %.0f us\n",
              std::chrono::duration<double, std::micro>(longest).count());
  std::printf("judgement.machine_gaps_real_time %d 1\n", worst.is_real_time ? 1 : 0);
}

}  // namespace
}  // namespace flatline

int main(int argc, char** argv) {
  flatline::Report(argc > 1 ? std::atoi(argv[1]) : 20);
  return 0;
}
