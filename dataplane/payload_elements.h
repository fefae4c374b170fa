// What a heartbeat carries behind its fixed part: type-length-value elements, of which flatline
// reads the group. Called by ingest where an endpoint enters the table. Assumes nothing of its
// input, reads nothing beyond it; unknown types are skipped. Pure, constexpr, linear in at most 256
// bytes.
#pragma once

#include <flatline/drop_reason.h>
#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace flatline {

struct PayloadElements {
  Group group = kNoGroup;
};

// The elements, or kBadPayload where a length leads beyond the end or is wrong for its type.
constexpr std::expected<PayloadElements, DropReason> ParsePayloadElements(
    std::span<const std::byte> payload) noexcept {
  PayloadElements out;
  while (!payload.empty()) {
    if (payload.size() < 2) {
      return std::unexpected(DropReason::kBadPayload);
    }
    const auto type = static_cast<std::uint8_t>(payload[0]);
    const auto length = static_cast<std::size_t>(payload[1]);
    if (payload.size() < 2 + length) {
      return std::unexpected(DropReason::kBadPayload);
    }
    if (type == kElementGroup) {
      if (length != sizeof(Group)) {
        return std::unexpected(DropReason::kBadPayload);
      }
      out.group = wire::Load<Group>(payload.data() + 2);
    }
    payload = payload.subspan(2 + length);
  }
  return out;
}

}  // namespace flatline
