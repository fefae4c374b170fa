// The receiving process of the memif benchmark: the dataplane's own port, queue and worker over a
// table of the fleet's size, turned by the loop here so that frames can also be taken and only
// counted, in the same start. One object in a process (DPDK's environment starts once).
// Measures processor seconds of its own thread. Returns an error in words; aborts nothing.
#pragma once

#include "bench/memif_fleet.h"
#include "bench/memif_sender.h"

#include <cstdint>
#include <expected>
#include <string>

namespace flatline {

// Frames a second of the receiver's core, each the median of some windows of one start.
struct MemifRates {
  double counted = 0;  // taken, given back, and nothing else
  double by_handle = 0;
  double by_index = 0;
};

// One start over one line: enrols the fleet, takes turns between the three, and has the sender
// leave. An error also if one heartbeat that the ring took did not count, or if a stretch of spoilt
// ones at the end was not dropped to the last.
[[nodiscard]] std::expected<MemifRates, std::string> RunMemifReceiver(MemifFleet& fleet,
                                                                      const MemifLine& line);

// Removes what a receiver that was killed left: its private socket and EAL's files.
void SweepMemifReceiver(const MemifLine& line);

// Whether zero-copy can be had: it needs the receiver's buffers on huge pages.
[[nodiscard]] bool HasPagesForZeroCopy();

}  // namespace flatline
