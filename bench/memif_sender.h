// The sending process of the memif benchmark: heartbeats as fast as the ring takes them, made in
// the ring's own buffers by writing what differs over a frame made in advance, with true checksums.
// A memif peer without DPDK (net_memif's transmit costs more than the receiver, so that the sender
// would be measured). Runs in a process of its own, as the receiver orders (memif_fleet.h). Waits
// for room, so that nothing is lost; every kStretch frames it waits until all are taken, for a ring
// that is never empty would rightly be called overload. Cost: two lines taken back a frame.
#pragma once

#include "bench/memif_fleet.h"

#include <string>

namespace flatline {

inline constexpr std::uint64_t kStretch = std::uint64_t{1} << 16;

// Between the two. Zero-copy is for a client's buffers, and the receiver's are the ones to spare.
struct MemifLine {
  std::string socket;          // abstract
  bool sender_serves = false;  // and writes into the receiver's own buffers
  unsigned log2_slots = 11;
};

// Exit status of a sender that no dataplane joined. A busy machine can cost net_memif its first
// session, and with zero-copy it has no second one (it closes EAL's files): start both anew.
inline constexpr int kNobodyThere = 3;

// Until the receiver orders it to leave. Exit status of the process; says on stderr what failed.
[[nodiscard]] int RunMemifSender(MemifFleet& fleet, const MemifLine& line);

}  // namespace flatline
