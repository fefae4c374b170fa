#include "dataplane/dpdk/enrolment_watch.h"

#include "dataplane/dpdk/log.h"

#include <cstddef>
#include <string>

namespace flatline::dpdk {

void EnrolmentWatch::Look(Instant now) {
  if (now < next_) {
    return;
  }
  const Counts counts = Count(region_);
  std::string told;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > before_[i]) {
      told += fmt::format(
          "{}{} {}", told.empty() ? "" : ", ", counts[i] - before_[i], NameOf(kReasons[i]));
    }
  }
  if (!told.empty()) {
    Log(LogLevel::kWarning, "heartbeats of new endpoints were turned away: {}", told);
    before_ = counts;
    next_ = now + kInterval;
  }
}

EnrolmentWatch::Counts EnrolmentWatch::Count(const RegionView& region) noexcept {
  Counts out{};
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] += region.dataplane().counters[worker][kReasons[i]];
    }
  }
  return out;
}

}  // namespace flatline::dpdk
