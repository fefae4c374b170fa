// The loop around a worker's turn, on a poll core: read the clock once, take the turn, idle as the
// turn's outcome allows. One per worker, on an EAL lcore (so that buffer pools give it a cache of
// its own), pinned where the configuration names cores.
// Assumes a stop flag that somebody sets; ends within a turn and a nap of it.
// Cost: a clock reading and a few compares beyond the turn.
#pragma once

#include "dataplane/engine.h"

#include <flatline/config.h>

#include <atomic>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace flatline::dpdk {

class PollLoops {
 public:
  // `engine` and `region` outlive it. In `region` it says which threads the workers are.
  PollLoops(Engine& engine, const RegionView& region, IdleMode idle);

  // Stops the loops and waits for them.
  ~PollLoops();
  PollLoops(const PollLoops&) = delete;
  PollLoops& operator=(const PollLoops&) = delete;

  // One loop for each worker of the engine, on as many of `lcores`. Once.
  [[nodiscard]] std::expected<void, std::string> Launch(std::span<const unsigned> lcores);

 private:
  struct Loop {
    PollLoops* loops = nullptr;
    unsigned worker = 0;
    unsigned lcore = 0;
  };

  static int Run(void* loop);
  void Poll(unsigned worker);

  Engine& engine_;
  RegionView region_;
  IdleMode idle_;
  std::atomic<bool> stop_{false};
  std::vector<Loop> running_;
};

}  // namespace flatline::dpdk
