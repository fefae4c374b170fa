// What a heartbeat carries behind its fixed part: type-length-value elements, of which flatline
// reads the group and what the endpoint says of itself. Called by ingest. Assumes nothing of its
// input, reads nothing beyond it; unknown types are skipped. Pure, constexpr, linear in at most 256
// bytes.
//
// A length that is wrong makes the whole heartbeat void, for then nothing in it is what it seems. A
// value never does: an endpoint is not called silent for what it writes, be it a share of memory
// above 1 or control characters. They are harmless here; who prints them takes care.
#pragma once

#include <flatline/drop_reason.h>
#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>
#include <flatline/payload.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace flatline {

// Of two elements of a type the later one holds.
struct PayloadElements {
  Group group = kNoGroup;
  std::uint32_t load = 0;
  std::uint32_t memory = 0;
  std::uint8_t said = 0;            // kSaid bits: which of the others were there
  std::span<const std::byte> text;  // within the payload
};

// Whether a value of this type may be so long.
constexpr bool IsElementLength(std::uint8_t type, std::size_t length) noexcept {
  switch (type) {
    case kElementGroup:
    case kElementLoad:
    case kElementMemory:
      return length == sizeof(std::uint32_t);
    case kElementText:
      return length <= kMostPayloadText;
    default:
      return true;
  }
}

constexpr void ReadElement(std::uint8_t type,
                           std::span<const std::byte> value,
                           PayloadElements& out) noexcept {
  switch (type) {
    case kElementGroup:
      out.group = wire::Load<Group>(value.data());
      break;
    case kElementLoad:
      out.load = wire::Load<std::uint32_t>(value.data());
      out.said |= kSaidLoad;
      break;
    case kElementMemory:
      out.memory = wire::Load<std::uint32_t>(value.data());
      out.said |= kSaidMemory;
      break;
    case kElementText:
      out.text = value;
      out.said |= kSaidText;
      break;
    default:
      break;
  }
}

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
    if (payload.size() < 2 + length || !IsElementLength(type, length)) {
      return std::unexpected(DropReason::kBadPayload);
    }
    ReadElement(type, payload.subspan(2, length), out);
    payload = payload.subspan(2 + length);
  }
  return out;
}

}  // namespace flatline
