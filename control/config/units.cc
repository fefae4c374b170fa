#include "control/config/units.h"

#include <flatline/config.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <expected>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace flatline {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

// Ascending, so that the printer may take the last one that divides.
constexpr std::array<Unit, 6> kTimes{{{"ns", 1},
                                      {"us", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000}}};
constexpr std::array<Unit, 5> kSizes{
    {{"B", 1}, {"K", 1U << 10}, {"M", 1U << 20}, {"G", 1U << 30}, {"T", std::uint64_t{1} << 40}}};
// Minutes and hours are read, not printed: "90s" says more than "1.5m" would.
constexpr std::size_t kPrintedTimes = 4;
constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

std::string Names(std::span<const Unit> units) {
  std::string out;
  for (const Unit& unit : units) {
    out += out.empty() ? "" : &unit == &units.back() ? " or " : ", ";
    out += unit.name;
  }
  return out;
}

std::expected<std::uint64_t, std::string> Parse(std::string_view text,
                                                std::span<const Unit> units,
                                                std::string_view example) {
  const auto fail = [&](std::string_view fault) {
    return std::unexpected("\"" + std::string(text) + "\" " + std::string(fault) +
                           "; write a whole number and one of " + Names(units) + ", such as \"" +
                           std::string(example) + "\"");
  };
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) {
    return fail("is too large");
  }
  if (error != std::errc{}) {
    return fail("does not begin with a number");
  }
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  if (suffix.empty()) {
    return fail("has no unit");
  }
  for (const Unit& unit : units) {
    if (unit.name == suffix) {
      return number <= kMost / unit.size
                 ? std::expected<std::uint64_t, std::string>(number * unit.size)
                 : fail("is too large");
    }
  }
  return fail("has an unknown unit");
}

std::string Print(std::uint64_t value, std::span<const Unit> units) {
  const Unit* chosen = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.size == 0) {
      chosen = &unit;
    }
  }
  return std::to_string(value / chosen->size) + std::string(chosen->name);
}

}  // namespace

std::expected<Duration, std::string> ParseDuration(std::string_view text) {
  const auto parsed = Parse(text, kTimes, "250ms");
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  return Duration{static_cast<std::int64_t>(*parsed)};
}

std::expected<std::uint64_t, std::string> ParseBytes(std::string_view text) {
  return Parse(text, kSizes, "64M");
}

std::string PrintDuration(Duration duration) {
  return Print(static_cast<std::uint64_t>(duration.count()),
               std::span(kTimes).first(kPrintedTimes));
}

std::string PrintBytes(std::uint64_t bytes) {
  return Print(bytes, kSizes);
}

}  // namespace flatline
