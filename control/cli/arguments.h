// What several verbs take as arguments: ids, ranges of ids, and names out of a short list. Pure;
// faults are said in words that fit behind the argument.
#pragma once

#include <flatline/config.h>
#include <flatline/endpoint.h>

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flatline::cli {

struct IdRange {
  EndpointId first = kNoEndpoint;
  EndpointId last = kNoEndpoint;  // included

  [[nodiscard]] std::uint64_t size() const noexcept { return last - first + 1; }
};

// "42" or "0x2a"; "1000-1999".
[[nodiscard]] std::expected<IdRange, std::string> ParseIds(std::string_view text);

// A number up to `most`.
[[nodiscard]] std::expected<std::uint64_t, std::string> ParseNumber(std::string_view text,
                                                                    std::uint64_t most);

// Bit n for name n; all bits where no name is given.
[[nodiscard]] std::expected<std::uint32_t, std::string> ParseNames(
    std::span<const std::string> given, std::span<const std::string_view> names);

// By name or by number.
[[nodiscard]] std::expected<ProfileId, std::string> ParseProfile(
    std::string_view text, const std::array<Profile, kMaxProfiles>& profiles);

}  // namespace flatline::cli
