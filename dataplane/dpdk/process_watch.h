// The watch over the processes: names in the log a worker of ours that hangs, and a control that
// has fallen silent, and feeds the service manager's watchdog while every worker moves. Run by the
// main thread beside the watch over the devices, so that a main thread which hangs is seen too: by
// the watchdog, which then goes hungry. Cold. Cost of a look: a few loads for each worker.
#pragma once

#include <flatline/hang.h>
#include <flatline/region.h>
#include <flatline/supervisor.h>
#include <flatline/time.h>

namespace flatline::dpdk {

class ProcessWatch {
 public:
  // `supervisor` outlives it.
  ProcessWatch(const RegionView& region, Supervisor& supervisor) noexcept
      : region_(region), supervisor_(supervisor) {}

  // At least every 200 ms: longer pauses count as pauses of our own.
  void Look(Instant now);

 private:
  void LookAtWorkers(Instant now);
  void LookAtControl(Instant now);

  RegionView region_;
  Supervisor& supervisor_;
  HangWatch workers_;
  StillWatch control_;
};

}  // namespace flatline::dpdk
