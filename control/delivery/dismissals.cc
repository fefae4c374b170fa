#include "control/delivery/dismissals.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <string_view>
#include <utility>

namespace flatline {
namespace {

// By the number of its DeliveryError; what a later release adds is told by number.
constexpr auto kNames =
    std::to_array<std::string_view>({"",
                                     "bad requests",
                                     "of sequences never given out",
                                     "with too many groups",
                                     "beyond control.subscribers",
                                     "too slow",
                                     "not permitted",
                                     "without a dataplane",
                                     "of a cursor taken over",
                                     "with too many cursors",
                                     "with a bad filter",
                                     "with a bad token",
                                     "in the clear where TLS is spoken, or the other way about"});

}  // namespace

std::string Dismissals::News(Instant now) {
  if (now < tell_at_) {
    return {};
  }
  std::uint64_t sum = stuck() + unshaken();
  for (const auto& count : refused_) {
    sum += count.load(std::memory_order_relaxed);
  }
  if (std::exchange(told_, sum) == sum) {
    return {};
  }
  tell_at_ = now + kInterval;
  std::string out = fmt::format("sent away since the start: {} for silence", stuck());
  for (std::size_t error = 0; error < kErrors; ++error) {
    const std::uint64_t count = refused_[error].load(std::memory_order_relaxed);
    if (count == 0) {
      continue;
    }
    if (error < kNames.size() && !kNames[error].empty()) {
      fmt::format_to(std::back_inserter(out), ", {} {}", count, kNames[error]);
    } else {
      fmt::format_to(std::back_inserter(out), ", {} by error {}", count, error);
    }
  }
  if (unshaken() != 0) {
    const std::lock_guard lock(mutex_);
    fmt::format_to(std::back_inserter(out), ", {} by TLS (the last: {})", unshaken(), last_fault_);
  }
  return out;
}

void Dismissals::CountUnshaken(const std::string& fault) {
  unshaken_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  last_fault_ = fault;
}

}  // namespace flatline
