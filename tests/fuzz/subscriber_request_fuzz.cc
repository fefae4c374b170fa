// Any bytes from a stranger on the delivery port: refused with a short text, too short, or a
// request that is as large as it says, and the same however many bytes follow it.
#include "control/delivery/request.h"

#include <flatline/check.h>
#include <flatline/command_ring.h>
#include <flatline/delivery.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace flatline {
namespace {

// Maintenance may be of a group; an order to the guards has its text where others have an id.
bool SaysWhom(const AdminEntry& entry) {
  const auto command = static_cast<CommandKind>(entry.command);
  const bool is_maintenance =
      command == CommandKind::kMaintain || command == CommandKind::kEndMaintenance;
  return is_maintenance ? (entry.id == kNoEndpoint) != (entry.group == kNoGroup)
                        : entry.id != kNoEndpoint || command == CommandKind::kGuard;
}

void CheckTaken(const Request& request, std::span<const std::byte> bytes) {
  const bool administers = request.header.kind == RequestKind::kAdminister;
  const std::size_t each = administers ? sizeof(AdminEntry) : sizeof(Group);
  FLATLINE_CHECK(request.bytes ==
                 sizeof(DeliveryRequest) + request.header.count * each + request.header.text_bytes);
  FLATLINE_CHECK(request.bytes <= bytes.size());
  FLATLINE_CHECK(request.entries.size() == (administers ? request.header.count : 0));
  FLATLINE_CHECK(request.groups.size() <= (administers ? 0 : request.header.count));
  FLATLINE_CHECK(request.groups.size() <= kMaxFilterGroups);
  FLATLINE_CHECK(std::ranges::adjacent_find(request.groups, std::greater_equal{}) ==
                 request.groups.end());
  FLATLINE_CHECK(std::ranges::all_of(request.entries, SaysWhom));
  const auto alone = ParseRequest(bytes.first(request.bytes));
  FLATLINE_CHECK(alone.has_value());
  const std::optional<Request>& same = *alone;
  FLATLINE_CHECK(same.has_value() && same->groups == request.groups && same->text == request.text);
  const auto early = ParseRequest(bytes.first(request.bytes - 1));
  FLATLINE_CHECK(early.has_value() && !early->has_value());
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  const auto parsed = flatline::ParseRequest(bytes);
  if (!parsed) {
    FLATLINE_CHECK(!parsed.error().text.empty());
    FLATLINE_CHECK(parsed.error().text.size() <= flatline::kErrorTextSize);
    return 0;
  }
  const std::optional<flatline::Request>& request = *parsed;
  if (request.has_value()) {
    flatline::CheckTaken(*request, bytes);
  } else {
    constexpr std::size_t kEntries = flatline::kMaxAdminEntries * sizeof(flatline::AdminEntry);
    FLATLINE_CHECK(size < sizeof(flatline::DeliveryRequest) + kEntries);
  }
  return 0;
}
