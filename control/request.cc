#include "control/request.h"

#include <flatline/command_ring.h>

#include <algorithm>
#include <cstring>

namespace flatline {
namespace {

std::unexpected<Refusal> Refuse(DeliveryError error, std::string_view text) {
  return std::unexpected(Refusal{error, text});
}

bool IsZero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool IsSubscription(RequestKind kind) {
  return kind == RequestKind::kSubscribeFrom || kind == RequestKind::kSubscribeNow ||
         kind == RequestKind::kSubscribeSnapshot;
}

std::expected<void, Refusal> CheckHeader(const DeliveryRequest& header) {
  if (header.magic != DeliveryRequest{}.magic) {
    return Refuse(DeliveryError::kBadRequest, "not a flatline request");
  }
  if (header.version != kDeliveryVersion) {
    return Refuse(DeliveryError::kBadRequest, "unknown version of the protocol");
  }
  if (header.want_health > 1 || header.reserved0 != 0 || !IsZero(header.reserved)) {
    return Refuse(DeliveryError::kBadRequest, "reserved fields must be zero");
  }
  if (IsSubscription(header.kind)) {
    if (header.count > kMaxFilterGroups) {
      return Refuse(DeliveryError::kTooManyGroups, "at most 1024 groups in a filter");
    }
    return {};
  }
  if (header.kind != RequestKind::kAdminister) {
    return Refuse(DeliveryError::kBadRequest, "unknown kind of request");
  }
  if (header.count == 0 || header.count > kMaxAdminEntries) {
    return Refuse(DeliveryError::kBadRequest, "needs 1 to 65536 entries");
  }
  return {};
}

bool IsSound(const AdminEntry& entry) {
  const auto command = static_cast<CommandKind>(entry.command);
  return entry.id != kNoEndpoint && entry.reserved == 0 &&
         (command == CommandKind::kEnrol || command == CommandKind::kRetire);
}

template <typename T>
std::vector<T> CopyOf(std::span<const std::byte> bytes, std::size_t count) {
  std::vector<T> out(count);
  if (count != 0) {
    std::memcpy(out.data(), bytes.data(), count * sizeof(T));
  }
  return out;
}

}  // namespace

std::expected<std::optional<Request>, Refusal> ParseRequest(std::span<const std::byte> bytes) {
  Request out;
  if (bytes.size() < sizeof(DeliveryRequest)) {
    // A stranger who speaks another protocol is told so at once, not after 64 bytes.
    const std::size_t common = std::min(bytes.size(), out.header.magic.size());
    if (common != 0 && std::memcmp(bytes.data(), out.header.magic.data(), common) != 0) {
      return Refuse(DeliveryError::kBadRequest, "not a flatline request");
    }
    return std::nullopt;
  }
  std::memcpy(&out.header, bytes.data(), sizeof(DeliveryRequest));
  if (const auto sound = CheckHeader(out.header); !sound) {
    return std::unexpected(sound.error());
  }
  const bool administers = out.header.kind == RequestKind::kAdminister;
  const std::size_t each = administers ? sizeof(AdminEntry) : sizeof(Group);
  out.bytes = sizeof(DeliveryRequest) + out.header.count * each;
  if (bytes.size() < out.bytes) {
    return std::nullopt;
  }
  const auto rest = bytes.subspan(sizeof(DeliveryRequest));
  if (administers) {
    out.entries = CopyOf<AdminEntry>(rest, out.header.count);
    if (!std::ranges::all_of(out.entries, IsSound)) {
      return Refuse(DeliveryError::kBadRequest, "an entry has no id or no known command");
    }
  } else {
    out.groups = CopyOf<Group>(rest, out.header.count);
    std::ranges::sort(out.groups);
    out.groups.erase(std::ranges::unique(out.groups).begin(), out.groups.end());
  }
  return out;
}

}  // namespace flatline
