// What the calling thread has had of a core, in seconds: user and system time. A rate per core is
// counted in these, so that it does not depend on who else is about. One system call.
#pragma once

#include <time.h>

namespace flatline {

inline double CoreSeconds() noexcept {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) / 1e9;
}

}  // namespace flatline
