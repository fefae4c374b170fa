// Any bytes as a datagram: refused, or a heartbeat that encodes to the same bytes again, with a
// payload whose elements lie within it; and a request for a lease, or its answer, likewise.
#include "dataplane/payload_elements.h"

#include <flatline/check.h>
#include <flatline/heartbeat.h>
#include <flatline/lease_message.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {
namespace {

void CheckHeartbeat(const Heartbeat& heartbeat, std::span<const std::byte> datagram) {
  const std::size_t stated = kHeartbeatSize + heartbeat.payload_length;
  FLATLINE_CHECK(stated <= datagram.size());
  FLATLINE_CHECK(heartbeat.id != kNoEndpoint);
  const auto elements =
      ParsePayloadElements(datagram.subspan(kHeartbeatSize, heartbeat.payload_length));
  FLATLINE_CHECK(elements.has_value() || elements.error() == DropReason::kBadPayload);
  if (elements && (elements->said & kSaidText) != 0) {
    FLATLINE_CHECK(elements->text.size() <= kMostPayloadText);
    FLATLINE_CHECK(elements->text.data() >= datagram.data() + kHeartbeatSize + 2);
    FLATLINE_CHECK(elements->text.data() + elements->text.size() <= datagram.data() + stated);
  }
  std::array<std::byte, kHeartbeatSize> encoded{};
  EncodeHeartbeat(heartbeat, encoded);
  // What the encoder does not write: the tag's flag, a handle without one or of no slot.
  std::array<std::byte, kHeartbeatSize> expected{};
  std::copy_n(datagram.begin(), kHeartbeatSize, expected.begin());
  expected[4] &= std::byte{kKnownFlags & ~kFlagAuthenticated};
  if (heartbeat.handle == kNoSlot) {
    expected[4] &= std::byte{kKnownFlags & ~kFlagAuthenticated & ~kFlagHandle};
    std::fill_n(expected.begin() + 32, 4, std::byte{0});
  }
  FLATLINE_CHECK(encoded == expected);
  FLATLINE_CHECK(datagram.size() == stated ||
                 (datagram[4] & std::byte{kFlagAuthenticated}) != std::byte{0});
}

void CheckLease(std::span<const std::byte> payload) {
  for (const std::uint8_t type : {kElementLeaseRequest, kElementLeaseGrant}) {
    if (const auto message = DecodeLease(payload, type)) {
      std::array<std::byte, kLeasePayload> encoded{};
      EncodeLease(*message, type, encoded);
      FLATLINE_CHECK(std::ranges::equal(encoded, payload));
    }
  }
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto datagram = std::as_bytes(std::span{data, size});
  if (const auto heartbeat = flatline::DecodeHeartbeat(datagram)) {
    flatline::CheckHeartbeat(*heartbeat, datagram);
    flatline::CheckLease(datagram.subspan(flatline::kHeartbeatSize, heartbeat->payload_length));
  }
  return 0;
}
