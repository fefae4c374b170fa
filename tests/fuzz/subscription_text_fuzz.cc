// Any text behind a subscription: refused in words that fit an error record, or taken, and then
// what is printed from it is taken to mean the same.
#include "control/delivery/subscription_text.h"

#include <flatline/check.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using flatline::SubscriptionText;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = flatline::ParseSubscriptionText(text);
  if (!parsed) {
    FLATLINE_CHECK(!parsed.error().text.empty());
    FLATLINE_CHECK(parsed.error().text.size() <= flatline::kErrorTextSize);
    return 0;
  }
  FLATLINE_CHECK(parsed->cursor.size() <= SubscriptionText::kMostCursor);
  FLATLINE_CHECK(parsed->token.size() <= SubscriptionText::kMostToken);
  FLATLINE_CHECK(parsed->summary_ms <= SubscriptionText::kMostSummaryMs);
  const auto again = flatline::ParseSubscriptionText(flatline::PrintSubscriptionText(*parsed));
  FLATLINE_CHECK(again.has_value() && *again == *parsed);
  return 0;
}
