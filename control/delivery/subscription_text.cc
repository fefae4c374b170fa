#include "control/delivery/subscription_text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace flatline {
namespace {

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Anything but control characters: UTF-8 beyond ASCII passes as it is.
bool IsPrintable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte != 0x7F;
}

// What each key does with its value; false: that value cannot be.
bool TakeFilter(std::string_view value, SubscriptionText& into) {
  into.filter = value;
  return std::ranges::all_of(value, IsPrintable);
}

bool TakeCursor(std::string_view value, SubscriptionText& into) {
  into.cursor = value;
  return value.size() <= SubscriptionText::kMostCursor && std::ranges::all_of(value, [](char c) {
           return IsLetterOrDigit(c) || c == '.' || c == '_' || c == '-';
         });
}

bool TakeToken(std::string_view value, SubscriptionText& into) {
  into.token = value;
  return value.size() <= SubscriptionText::kMostToken &&
         std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7F; });
}

// From 1 to `most`.
bool TakeNumber(std::string_view value, std::uint32_t most, std::uint32_t& into) {
  const char* const end = value.data() + value.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): its end is given
  const auto [at, error] = std::from_chars(value.data(), end, into);
  return error == std::errc{} && at == end && into != 0 && into <= most;
}

bool TakeSummary(std::string_view value, SubscriptionText& into) {
  return TakeNumber(value, SubscriptionText::kMostSummaryMs, into.summary_ms);
}

bool TakeFor(std::string_view value, SubscriptionText& into) {
  return TakeNumber(value, SubscriptionText::kMostMaintainS, into.maintain_s);
}

bool TakeReason(std::string_view value, SubscriptionText& into) {
  into.reason = value;
  return value.size() <= SubscriptionText::kMostReason && std::ranges::all_of(value, IsPrintable);
}

struct Key {
  std::string_view name;
  bool (*take)(std::string_view value, SubscriptionText& into);
};

constexpr std::size_t kMostToldKey = 24;

// A key to come: a field, a function and a row here.
constexpr std::array kKeys{Key{"filter", TakeFilter},
                           Key{"cursor", TakeCursor},
                           Key{"token", TakeToken},
                           Key{"summary", TakeSummary},
                           Key{"for", TakeFor},
                           Key{"reason", TakeReason}};

// What a key that is not known is called in the refusal: nothing, where it is too long or not
// plain.
std::string ToldAs(const std::string& name) {
  const bool can_be_told =
      name.size() <= kMostToldKey && std::ranges::all_of(name, IsLetterOrDigit);
  return can_be_told ? ": " + name : "";
}

}  // namespace

std::expected<SubscriptionText, Refusal> ParseSubscriptionText(std::string_view text) {
  constexpr auto kBad = DeliveryError::kBadRequest;
  SubscriptionText out;
  std::array<bool, kKeys.size()> given{};
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return Refuse(kBad, "a line of text has no end");
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return Refuse(kBad, "a line of text is not key=value");
    }
    const std::string name(line.substr(0, equals));
    const auto* const key = std::ranges::find(kKeys, name, &Key::name);
    if (key == kKeys.end()) {
      return Refuse(kBad, "unknown key" + ToldAs(name));
    }
    const auto index = static_cast<std::size_t>(key - kKeys.begin());
    if (given.at(index)) {
      return Refuse(kBad, name + ": given twice");
    }
    given.at(index) = true;
    const std::string_view value = line.substr(equals + 1);
    if (value.empty() || !key->take(value, out)) {
      return Refuse(kBad, name + ": cannot have this value");
    }
  }
  return out;
}

std::string PrintSubscriptionText(const SubscriptionText& text) {
  std::string out;
  const auto add = [&out](std::string_view key, const std::string& value) {
    if (!value.empty()) {
      out.append(key).append("=").append(value).append("\n");
    }
  };
  add("filter", text.filter);
  add("cursor", text.cursor);
  add("token", text.token);
  add("summary", text.summary_ms == 0 ? "" : std::to_string(text.summary_ms));
  add("for", text.maintain_s == 0 ? "" : std::to_string(text.maintain_s));
  add("reason", text.reason);
  return out;
}

}  // namespace flatline
