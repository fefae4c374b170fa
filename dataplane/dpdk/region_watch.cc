#include "dataplane/dpdk/region_watch.h"

#include "dataplane/dpdk/log.h"

namespace flatline::dpdk {

void RegionWatch::Look(Instant now) {
  if (is_told_ || now < next_) {
    return;
  }
  next_ = now + kInterval;
  if (!region_.has_name()) {
    is_told_ = true;
    Log(LogLevel::kError,
        "{}: needed its file to stay, found it removed; who has joined goes on, nobody else can, "
        "and the next dataplane begins cold: restart this one, then control",
        region_.path());
  }
}

}  // namespace flatline::dpdk
