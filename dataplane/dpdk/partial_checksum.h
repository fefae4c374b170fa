// Tells a UDP checksum that the sending kernel left to "the device": over veth, and out of a
// packet socket, a datagram of this host arrives with only the pseudo-header's sum in the field,
// since no device ever completed it. Such a frame never crossed a wire, and memory vouches for it.
// Called for each frame of a port backed by this host's kernel, and of no other. Plain frames only:
// untagged, IPv4 without options or IPv6 without extensions; others are judged by their checksum.
// Cost: a dozen loads and additions. Wrongly accepts one damaged frame in 65,536, as checksums do.
#pragma once

#include "dataplane/frame.h"

namespace flatline::dpdk {

[[nodiscard]] bool CarriesPartialChecksum(const Frame& frame) noexcept;

}  // namespace flatline::dpdk
