// Two strengths of assertion. FLATLINE_CHECK stays on in release: for invariants of ours on cold
// paths, where going on would tell a lie. FLATLINE_DCHECK is on in debug, model, fuzz and
// simulation builds only: for the path of a heartbeat. Neither is for bad input, which gets an
// error or a DropReason. Cost: one predicted branch, or nothing.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace flatline {

[[noreturn]] inline void CheckFailed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "flatline: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace flatline

#define FLATLINE_CHECK(condition)                              \
  do {                                                         \
    if (!(condition)) [[unlikely]] {                           \
      ::flatline::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                          \
  } while (false)

#ifdef FLATLINE_DEBUG_CHECKS
#define FLATLINE_DCHECK(condition) FLATLINE_CHECK(condition)
#else
#define FLATLINE_DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#endif
