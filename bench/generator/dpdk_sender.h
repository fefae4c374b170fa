// Heartbeats out of one DPDK port, any that EAL can drive: a NIC, net_memif to the dataplane on
// this host, net_af_packet. Used by one thread, one in a process. Accepted is what the driver's
// transmit took. Assumes that the driver copies or sends what it took; memif's zero copy is left
// off. No allocation after construction but of DPDK's buffers. Cost: one transmit a batch.
#pragma once

#include "bench/generator/sender.h"

#include <flatline/time.h>

#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace flatline::generator {

struct DpdkOptions {
  std::string device;                      // "net_memif0,role=client,…" or "0000:3b:00.0"
  std::vector<std::string> eal_arguments;  // appended to ours, and settle what they say
  Duration link_timeout{10'000'000'000};   // for the link to come up
};

// Starts EAL and the port, and waits for its link.
[[nodiscard]] std::expected<std::unique_ptr<Sender>, std::string> CreateDpdkSender(
    const DpdkOptions& options);

}  // namespace flatline::generator
