// Bytes that are ready to be sent, and what keeps them where they are until they are sent. Handed
// from publisher to session to socket. Plain data; copying it is two counts.
#pragma once

#include "control/journal/segment.h"

#include <flatline/delivery.h>

#include <cstddef>
#include <memory>
#include <span>

namespace flatline {

struct Outgoing {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> keep;
  const Segment* segment = nullptr;  // where the bytes are the journal's own; kept by `keep`
  bool cold = false;                 // perhaps not in memory
};

// One record, made for one subscriber.
inline Outgoing Only(const DeliveryRecord& record) {
  auto keep = std::make_shared<const DeliveryRecord>(record);
  const auto bytes = std::as_bytes(std::span{keep.get(), 1});
  return {bytes, std::move(keep)};
}

}  // namespace flatline
