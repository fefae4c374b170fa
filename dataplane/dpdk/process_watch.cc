#include "dataplane/dpdk/process_watch.h"

#include "dataplane/dpdk/log.h"

#include <atomic>
#include <string>

namespace flatline::dpdk {

void ProcessWatch::Look(Instant now) {
  LookAtWorkers(now);
  LookAtControl(now);
  if (workers_.hanging() == 0) {
    supervisor_.SayAlive(now);
  }
}

void ProcessWatch::LookAtWorkers(Instant now) {
  for (const HangNews& news : workers_.Look(region_, now)) {
    const std::string line = Describe(news, now);
    Log(news.is_over ? LogLevel::kNotice : LogLevel::kError, "{}", line);
    supervisor_.SayStatus(line);
  }
}

// One that ended on purpose has taken its number back.
void ProcessWatch::LookAtControl(Instant now) {
  const ControlSection& control = region_.control();
  const auto pid = control.control_pid.load(std::memory_order_relaxed);
  if (pid == 0) {
    control_ = {};
    return;
  }
  const bool hung = control_.hangs();
  const bool hangs = control_.Look(control.control_turn_ns.load(std::memory_order_relaxed), now);
  if (hangs && !hung) {
    Log(LogLevel::kWarning,
        "control, pid {}, {}: verdicts wait for it in the rings",
        pid,
        ProcessIsThere(pid) ? "hangs" : "is gone");
  } else if (hung && !hangs) {
    Log(LogLevel::kNotice, "control, pid {}, moves again", pid);
  }
}

}  // namespace flatline::dpdk
