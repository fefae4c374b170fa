// The cores that this process may run on, and a thread's wish for one of them: for benchmarks whose
// two sides must not share a core, where the caches of one would serve the other. A wish that the
// kernel does not grant changes nothing.
#pragma once

#include <cstddef>
#include <pthread.h>
#include <sched.h>
#include <vector>

namespace flatline {

inline std::vector<int> AllowedCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> out;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<std::size_t>(core), &set)) {
      out.push_back(core);
    }
  }
  return out;
}

inline void RunOn(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

}  // namespace flatline
