#include "control/config/value.h"

#include "control/config/units.h"

#include <flatline/config.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {
namespace {

std::string_view TypeOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

template <typename T>
bool Within(const T& value, Range<T> range) {
  return range.least <= value && value <= range.most;
}

std::string Listed(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    out += (out.empty() ? "\"" : ", \"") + std::string(name) + "\"";
  }
  return out;
}

}  // namespace

Place PlaceOf(const toml::node& node) {
  const toml::source_position begin = node.source().begin;
  return begin ? Place{begin.line, begin.column} : Place{};
}

void Value::Complain(const std::string& text) const {
  complaints_->Add(PlaceOf(*node_), std::string(key_) + ": " + text);
}

void Value::ComplainOfType(std::string_view wanted) const {
  Complain("needed " + std::string(wanted) + ", found " + std::string(TypeOf(*node_)));
}

std::optional<std::uint64_t> Value::ReadInteger(Range<std::uint64_t> range) const {
  const auto* found = node_->as_integer();
  if (found == nullptr) {
    ComplainOfType("a whole number");
    return std::nullopt;
  }
  const std::int64_t value = found->get();
  if (value < 0 || !Within(static_cast<std::uint64_t>(value), range)) {
    Complain(std::to_string(value) + " is out of range; write " + std::to_string(range.least) +
             " to " + std::to_string(range.most));
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(value);
}

std::optional<std::uint32_t> Value::ReadMillionths() const {
  const std::optional<double> found = node_->value<double>();
  if (!node_->is_number() || !found) {
    ComplainOfType("a number from 0 to 1");
    return std::nullopt;
  }
  if (!(*found >= 0 && *found <= 1)) {
    Complain("out of range; write 0.0 to 1.0");
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(std::lround(*found * 1e6));
}

std::optional<bool> Value::ReadFlag() const {
  const auto* found = node_->as_boolean();
  if (found == nullptr) {
    ComplainOfType("true or false");
    return std::nullopt;
  }
  return found->get();
}

std::optional<double> Value::ReadShare() const {
  const auto found = node_->is_number() ? node_->value<double>() : std::nullopt;
  if (!found) {
    ComplainOfType("a share, such as 0.01");
    return std::nullopt;
  }
  if (!(*found >= 0 && *found < 1)) {
    Complain("needed a share from 0 to below 1, such as 0.01, found " + PrintShare(*found));
    return std::nullopt;
  }
  return found;
}

std::optional<Duration> Value::ReadDuration(Range<Duration> range) const {
  const auto* found = node_->as_string();
  if (found == nullptr) {
    ComplainOfType("a duration in quotes, such as \"250ms\"");
    return std::nullopt;
  }
  const auto parsed = ParseDuration(found->get());
  if (!parsed) {
    Complain(parsed.error());
    return std::nullopt;
  }
  if (!Within(*parsed, range)) {
    Complain("\"" + found->get() + "\" is out of range; write \"" + PrintDuration(range.least) +
             "\" to \"" + PrintDuration(range.most) + "\"");
    return std::nullopt;
  }
  return *parsed;
}

std::optional<std::uint64_t> Value::ReadBytes(Range<std::uint64_t> range) const {
  const auto* found = node_->as_string();
  if (found == nullptr) {
    ComplainOfType("a size in quotes, such as \"64M\"");
    return std::nullopt;
  }
  const auto parsed = ParseBytes(found->get());
  if (!parsed) {
    Complain(parsed.error());
    return std::nullopt;
  }
  if (!Within(*parsed, range)) {
    Complain("\"" + found->get() + "\" is out of range; write \"" + PrintBytes(range.least) +
             "\" to \"" + PrintBytes(range.most) + "\"");
    return std::nullopt;
  }
  return *parsed;
}

std::optional<std::string> Value::ReadText(TextRule rule) const {
  const auto* found = node_->as_string();
  if (found == nullptr) {
    ComplainOfType("a string");
    return std::nullopt;
  }
  if (const std::string fault = rule(found->get()); !fault.empty()) {
    Complain(fault);
    return std::nullopt;
  }
  return found->get();
}

std::optional<std::size_t> Value::ReadChoice(std::span<const std::string_view> names) const {
  const auto* found = node_->as_string();
  if (found == nullptr) {
    ComplainOfType("one of " + Listed(names));
    return std::nullopt;
  }
  const auto chosen = std::ranges::find(names, found->get());
  if (chosen == names.end()) {
    const std::string_view nearest = NearestName(found->get(), names);
    Complain("\"" + found->get() + "\" is not one of " + Listed(names) +
             (nearest.empty() ? "" : "; did you mean \"" + std::string(nearest) + "\"?"));
    return std::nullopt;
  }
  return static_cast<std::size_t>(chosen - names.begin());
}

template <typename T, typename ReadOne>
std::optional<std::vector<T>> Value::ReadArray(std::string_view wanted,
                                               const ReadOne& read_one) const {
  const auto* found = node_->as_array();
  if (found == nullptr) {
    ComplainOfType(wanted);
    return std::nullopt;
  }
  std::vector<T> out;
  for (const toml::node& node : *found) {
    const Value element(node, key_, *complaints_);
    const std::optional<T> read = read_one(element);
    if (!read) {
      continue;
    }
    if (std::ranges::find(out, *read) != out.end()) {
      element.Complain("the same entry twice; remove one");
    }
    out.push_back(*read);
  }
  return out;
}

std::optional<std::vector<std::string>> Value::ReadTexts(TextRule rule) const {
  return ReadArray<std::string>("an array of strings",
                                [&](const Value& element) { return element.ReadText(rule); });
}

std::optional<std::vector<std::uint64_t>> Value::ReadIntegers(Range<std::uint64_t> range) const {
  return ReadArray<std::uint64_t>("an array of whole numbers",
                                  [&](const Value& element) { return element.ReadInteger(range); });
}

// In the fewest digits that are read as the same number.
std::string PrintShare(double share) {
  std::array<char, 1100> digits{};  // of any double
  const auto printed =
      std::to_chars(digits.data(), digits.data() + digits.size(), share, std::chars_format::fixed);
  std::string out(digits.data(), printed.ptr);
  return out.find_first_of(".n") == std::string::npos ? out + ".0" : out;
}

std::string PrintMillionths(std::uint32_t millionths) {
  std::string digits = std::to_string(1'000'000 + millionths % 1'000'000).substr(1);
  digits.resize(std::max<std::size_t>(1, digits.find_last_not_of('0') + 1));
  return std::to_string(millionths / 1'000'000) + "." + digits;
}

std::string PrintText(std::string_view text) {
  std::ostringstream out;
  out << toml::toml_formatter{toml::value<std::string>{std::string(text)},
                              toml::format_flags::none};
  return out.str();
}

}  // namespace flatline
