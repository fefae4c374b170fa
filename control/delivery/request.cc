#include "control/delivery/request.h"

#include <flatline/command_ring.h>
#include <flatline/guard.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace flatline {
namespace {

bool IsZero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool IsSubscription(RequestKind kind) {
  return kind == RequestKind::kSubscribeFrom || kind == RequestKind::kSubscribeNow ||
         kind == RequestKind::kSubscribeSnapshot;
}

// Fields that have to be zero in this request.
bool HasForeignFields(const DeliveryRequest& header) {
  const std::uint32_t paces = header.options | header.batch_bytes | header.batch_age_us;
  return (header.version == 1 && (header.text_bytes | paces) != 0) ||
         (!IsSubscription(header.kind) && paces != 0);
}

std::expected<void, Refusal> CheckSubscription(const DeliveryRequest& header) {
  if (header.count > kMaxFilterGroups) {
    return Refuse(DeliveryError::kTooManyGroups, "at most 1024 groups in a filter");
  }
  if ((header.options & ~kKnownOptions) != 0) {
    return Refuse(DeliveryError::kBadRequest, "unknown option");
  }
  if (header.batch_bytes > kMostBatchBytes || header.batch_age_us > kMostBatchAgeUs) {
    return Refuse(DeliveryError::kBadRequest, "batches: at most 256 KiB and 60 s");
  }
  return {};
}

// The record of TLS that a hello is in.
bool IsTlsHello(const DeliveryRequest& header) {
  return header.magic[0] == 22 && header.magic[1] == 3;
}

std::expected<void, Refusal> CheckHeader(const DeliveryRequest& header) {
  if (IsTlsHello(header)) {
    return Refuse(DeliveryError::kWrongTransport, "this address does not speak TLS");
  }
  if (header.magic != DeliveryRequest{}.magic) {
    return Refuse(DeliveryError::kBadRequest, "not a flatline request");
  }
  if (header.version != kDeliveryVersion && header.version != 1) {
    return Refuse(DeliveryError::kBadRequest, "unknown version of the protocol");
  }
  if (header.want_health > 1 || header.reserved0 != 0 || !IsZero(header.reserved) ||
      HasForeignFields(header)) {
    return Refuse(DeliveryError::kBadRequest, "reserved fields must be zero");
  }
  if (header.text_bytes > kMostSubscriptionText) {
    return Refuse(DeliveryError::kBadRequest, "at most 16 KiB of text");
  }
  if (IsSubscription(header.kind)) {
    return CheckSubscription(header);
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
  GuardOrder order;
  switch (command) {
    case CommandKind::kEnrol:
    case CommandKind::kRetire:
    case CommandKind::kLocateFirst:
    case CommandKind::kLocateNext:
    case CommandKind::kLocateLast:
      return entry.id != kNoEndpoint && entry.reserved == 0;
    case CommandKind::kGuard:
      return GuardOrder::Unpack(entry.id, order) && entry.profile == kDefaultProfile &&
             entry.reserved == 0;
    case CommandKind::kMaintain:
    case CommandKind::kEndMaintenance:
      return (entry.id == kNoEndpoint) != (entry.group == kNoGroup) &&
             entry.profile == kDefaultProfile && entry.reserved == 0;
  }
  return false;
}

bool LacksTime(const Request& request) {
  return request.text.maintain_s == 0 &&
         std::ranges::any_of(request.entries, [](const AdminEntry& entry) {
           return static_cast<CommandKind>(entry.command) == CommandKind::kMaintain;
         });
}

template <typename T>
std::vector<T> CopyOf(std::span<const std::byte> bytes, std::size_t count) {
  std::vector<T> out(count);
  if (count != 0) {
    std::memcpy(out.data(), bytes.data(), count * sizeof(T));
  }
  return out;
}

std::string_view TextOf(std::span<const std::byte> bytes, const DeliveryRequest& header) {
  return {reinterpret_cast<const char*>(bytes.data()), header.text_bytes};
}

// What administration says behind its text.
std::expected<void, Refusal> TakeEntries(std::span<const std::byte> bytes, Request& out) {
  if (out.text != SubscriptionText{.token = out.text.token,
                                   .maintain_s = out.text.maintain_s,
                                   .reason = out.text.reason}) {
    return Refuse(DeliveryError::kBadRequest, "an administrator shows a token, no more");
  }
  out.entries = CopyOf<AdminEntry>(bytes, out.header.count);
  if (!std::ranges::all_of(out.entries, IsSound)) {
    return Refuse(DeliveryError::kBadRequest, "an entry has no id or no known command");
  }
  if (LacksTime(out)) {
    return Refuse(DeliveryError::kBadRequest, "maintenance needs a time: for=SECONDS");
  }
  return {};
}

// What a subscription says before its text.
std::expected<void, Refusal> TakeGroups(std::span<const std::byte> bytes, Request& out) {
  if (out.text.maintain_s != 0 || !out.text.reason.empty()) {
    return Refuse(DeliveryError::kBadRequest, "for and reason are an administrator's");
  }
  out.groups = CopyOf<Group>(bytes, out.header.count);
  std::ranges::sort(out.groups);
  out.groups.erase(std::ranges::unique(out.groups).begin(), out.groups.end());
  return {};
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
  out.bytes = sizeof(DeliveryRequest) + out.header.count * each + out.header.text_bytes;
  if (bytes.size() < out.bytes) {
    return std::nullopt;
  }
  const auto rest = bytes.subspan(sizeof(DeliveryRequest));
  const std::size_t before_text = administers ? 0 : out.header.count * each;
  auto text = ParseSubscriptionText(TextOf(rest.subspan(before_text), out.header));
  if (!text) {
    return std::unexpected(std::move(text.error()));
  }
  out.text = std::move(*text);
  const auto taken =
      administers ? TakeEntries(rest.subspan(out.header.text_bytes), out) : TakeGroups(rest, out);
  if (!taken) {
    return std::unexpected(taken.error());
  }
  return out;
}

}  // namespace flatline
