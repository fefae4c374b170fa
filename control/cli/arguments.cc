#include "control/cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <string>
#include <string_view>

namespace flatline::cli {
namespace {

std::string Quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

}  // namespace

std::expected<std::uint64_t, std::string> ParseNumber(std::string_view text, std::uint64_t most) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = is_hex ? text.substr(2) : text;
  std::uint64_t out = 0;
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  const auto [rest, error] = std::from_chars(begin, end, out, is_hex ? 16 : 10);
  if (error != std::errc{} || rest != end || out > most) {
    return std::unexpected(Quoted(text) + " is not a whole number up to " + std::to_string(most));
  }
  return out;
}

std::expected<IdRange, std::string> ParseIds(std::string_view text) {
  constexpr std::uint64_t kMost = std::numeric_limits<EndpointId>::max();
  const std::size_t dash = text.find('-');
  const auto first = ParseNumber(text.substr(0, dash), kMost);
  const auto last =
      dash == std::string_view::npos ? first : ParseNumber(text.substr(dash + 1), kMost);
  if (!first || !last || *first == kNoEndpoint) {
    return std::unexpected(Quoted(text) + " is not an id from 1 on, or a range such as 1000-1999");
  }
  if (*last < *first) {
    return std::unexpected(Quoted(text) + " ends before it begins");
  }
  return IdRange{*first, *last};
}

std::expected<std::uint32_t, std::string> ParseNames(std::span<const std::string> given,
                                                     std::span<const std::string_view> names) {
  if (given.empty()) {
    return ~std::uint32_t{0};
  }
  std::uint32_t out = 0;
  for (const std::string& name : given) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      std::string all;
      for (const std::string_view one : names) {
        all += (all.empty() ? "" : ", ") + std::string(one);
      }
      return std::unexpected(Quoted(name) + " is not one of " + all);
    }
    out |= std::uint32_t{1} << static_cast<unsigned>(found - names.begin());
  }
  return out;
}

std::expected<ProfileId, std::string> ParseProfile(
    std::string_view text, const std::array<Profile, kMaxProfiles>& profiles) {
  for (std::size_t id = 0; id < profiles.size(); ++id) {
    if (profiles[id].in_use() && text == profiles[id].name.data()) {
      return static_cast<ProfileId>(id);
    }
  }
  const auto number = ParseNumber(text, kMaxProfiles - 1);
  if (!number || (*number != kDefaultProfile && !profiles[*number].in_use())) {
    return std::unexpected(Quoted(text) + " is not a profile; see check-config --print-effective");
  }
  return static_cast<ProfileId>(*number);
}

}  // namespace flatline::cli
