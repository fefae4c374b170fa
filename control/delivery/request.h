// What a stranger sends to the delivery port, as a request of ours or as the reason why it is none.
// Called by a session whenever bytes have come in, and by the fuzzer. Pure; reads nothing beyond
// the bytes given. Bounds: a request is at most 64 bytes, and 1 MiB of entries or 20 KiB of groups
// and text. Cost: the header is looked at each time, what follows it is copied once, when all of it
// is there.
#pragma once

#include "control/delivery/refusal.h"
#include "control/delivery/subscription_text.h"

#include <flatline/delivery.h>

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace flatline {

class CompiledFilter;

struct Request {
  DeliveryRequest header;
  std::vector<Group> groups;                       // of a subscription: in order, each once
  SubscriptionText text;                           // likewise; of kAdminister: a token or none
  std::shared_ptr<const CompiledFilter> filter{};  // of text.filter, once a session has compiled it
  std::vector<AdminEntry> entries;                 // of kAdminister: as sent
  std::size_t bytes = 0;                           // of the input that were the request
};

// Nothing: more bytes are needed. A request is refused as soon as its header shows that it must be.
[[nodiscard]] std::expected<std::optional<Request>, Refusal> ParseRequest(
    std::span<const std::byte> bytes);

}  // namespace flatline
