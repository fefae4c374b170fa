// What the kernel threw away before net_af_packet could read it: the driver does not say (22.11),
// so its sockets are found among this process's descriptors and asked. Cold; used by the device
// watch. Assumes that nobody else reads these statistics, since reading resets them. Cost: one
// system call for each socket and look.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flatline::dpdk {

class PacketSockets {
 public:
  // Those bound to the interface now; none where `interface` is empty.
  explicit PacketSockets(const std::string& interface);

  // Frames dropped since this was made.
  [[nodiscard]] std::uint64_t Dropped();

 private:
  std::vector<int> descriptors_;  // the driver's, who closes them
  std::uint64_t dropped_ = 0;
};

}  // namespace flatline::dpdk
