// Why somebody is sent away: what a kError record will say. Made wherever a request is looked at,
// sent by its session. Plain data. Bounds: what is longer than kErrorTextSize is cut when it is
// sent.
#pragma once

#include <flatline/delivery.h>

#include <expected>
#include <string>
#include <utility>

namespace flatline {

struct Refusal {
  DeliveryError error = DeliveryError::kBadRequest;
  std::string text;
};

inline std::unexpected<Refusal> Refuse(DeliveryError error, std::string text) {
  return std::unexpected(Refusal{error, std::move(text)});
}

}  // namespace flatline
