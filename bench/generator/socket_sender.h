// Heartbeats out of a kernel UDP socket, IPv4 or IPv6, in batches by sendmmsg; acknowledgements
// come back to it. Used by one thread; never blocks. What the kernel takes is accepted: it may
// still be dropped by a full queue behind the socket, which a sender cannot see. No allocation
// after construction. Cost: one system call a batch, about a microsecond a datagram.
#pragma once

#include "bench/generator/sender.h"

#include <expected>
#include <memory>
#include <string>

namespace flatline::generator {

// `target`: "127.0.0.1:17996" or "[::1]:17996".
[[nodiscard]] std::expected<std::unique_ptr<Sender>, std::string> CreateSocketSender(
    const std::string& target);

}  // namespace flatline::generator
