// What a subscriber wants, in words, as a tree: `liveness:dead,suspect and rack=r7 and not
// group:12`. Read by control when somebody subscribes, by the command line, and by the fuzzer.
// Pure. A fact of the record takes a colon, a label of the roster an equals sign; several values
// are any of them. Bounds: 16 KiB of text, 64 parentheses deep. Cost: one pass.
//
//   either = both { "or" both }    both = one { "and" one }    one = "not" one | "(" either ")" |
//   test test = FACT ":" values | LABEL "=" values | LABEL "!=" values       values = value { ","
//   value } a value: letters, digits and most signs, or anything in "quotes"; of a label, `*` at
//   its end stands for any ending. Facts: liveness health reason change profile mark group id name.
#pragma once

#include <flatline/endpoint.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

struct FilterRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // included

  bool operator==(const FilterRange&) const = default;
};

enum class FilterFact : std::uint8_t {
  // By a bit for each value:
  kLiveness,
  kHealth,
  kReason,
  kChange,  // 0: of liveness, 1: of health
  kProfile,
  kMark,  // 0: no soothing one, n + 1: bit n of the record's marks
  // By ranges:
  kGroup,
  kId,
  // By the roster:
  kName,
  kLabel,
};

// Of what happened, not of what an endpoint is: a row of a snapshot passes over it.
constexpr bool IsOfEvents(FilterFact fact) noexcept {
  return fact == FilterFact::kReason || fact == FilterFact::kChange || fact == FilterFact::kMark;
}

// How an endpoint fares, or what happened to it; not what it is.
constexpr bool IsOfTheMoment(FilterFact fact) noexcept {
  return fact == FilterFact::kLiveness || fact == FilterFact::kHealth || IsOfEvents(fact);
}

struct FilterTest {
  FilterFact fact = FilterFact::kLiveness;
  std::uint64_t mask = 0;
  std::vector<FilterRange> ranges{};  // in order, apart from each other
  std::string key{};                  // of a label
  std::vector<std::string> values{};  // of a label, with their `*`; names

  bool operator==(const FilterTest&) const = default;
};

struct FilterNode {
  enum class Kind : std::uint8_t { kTest, kNot, kAnd, kOr };

  Kind kind = Kind::kTest;
  std::uint32_t left = 0;   // a node; of kTest: the test
  std::uint32_t right = 0;  // of kAnd and kOr

  bool operator==(const FilterNode&) const = default;
};

// The root is the last node.
struct FilterTree {
  std::vector<FilterNode> nodes{};
  std::vector<FilterTest> tests{};

  bool operator==(const FilterTree&) const = default;
};

struct FilterFault {
  std::size_t column = 0;  // in bytes, from 1
  std::string cause{};
  std::string hint{};

  bool operator==(const FilterFault&) const = default;

  // "column 10: no such liveness: deda; did you mean dead?"
  [[nodiscard]] std::string Text() const;
};

[[nodiscard]] std::expected<FilterTree, FilterFault> ParseFilter(std::string_view text);

}  // namespace flatline
