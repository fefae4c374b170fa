// The lines that may follow a subscription's groups, `key=value`, as what they mean. Called when
// all of a request is there, and by the fuzzer. Pure. Strict: an unknown key, a key given twice, an
// empty value or one that cannot be is a refusal that names the key. Bounds: kMostSubscriptionText
// bytes, and what each key allows. Cost: one pass.
//
//   filter=liveness in (dead, suspect) and rack = r7     an expression; compiled elsewhere
//   cursor=billing                                       a durable place to go on from
//   token=…                                              who is asking
//   summary=1000                                         counts, so many ms apart, no transitions
//   for=7200, reason=new switch                          of kMaintain: how long, and why
#pragma once

#include "control/delivery/refusal.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace flatline {

struct SubscriptionText {
  static constexpr std::size_t kMostCursor = 64;
  static constexpr std::size_t kMostToken = 512;
  static constexpr std::uint32_t kMostSummaryMs = 3'600'000;
  static constexpr std::uint32_t kMostMaintainS = 366 * 86'400;
  static constexpr std::size_t kMostReason = 80;

  std::string filter{};          // empty: none, as with the others
  std::string cursor{};          // letters, digits, ".", "_", "-"
  std::string token{};           // no spaces
  std::uint32_t summary_ms = 0;  // 0: none
  // Of administration:
  std::uint32_t maintain_s = 0;  // `for`; 0: none
  std::string reason{};

  bool operator==(const SubscriptionText&) const = default;
};

[[nodiscard]] std::expected<SubscriptionText, Refusal> ParseSubscriptionText(std::string_view text);

// The same as lines: what a client sends.
[[nodiscard]] std::string PrintSubscriptionText(const SubscriptionText& text);

}  // namespace flatline
