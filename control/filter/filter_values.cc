#include "control/filter/filter_values.h"

#include "control/roster/roster_batch.h"

#include <flatline/delivery.h>
#include <flatline/liveness.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

namespace flatline {
namespace {

constexpr std::array<std::string_view, 2> kChangeNames{"liveness", "health"};
constexpr std::array<std::string_view, 9> kFactNames{
    "liveness", "health", "reason", "change", "profile", "mark", "group", "id", "name"};
// "none" says of a change that it is what it seems; evidence for it is no such mark.
constexpr auto kMarks = [] {
  std::array<std::string_view, kMarkNames.size() + 1> out{"none"};
  std::ranges::copy(kMarkNames, out.begin() + 1);
  return out;
}();

// How many letters have to be changed, put in or left out.
std::size_t DistanceBetween(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string HintAmong(std::span<const std::string_view> names, std::string_view given) {
  constexpr std::size_t kLongest = 32;
  if (given.size() <= kLongest) {
    const auto nearest = std::ranges::min_element(
        names, {}, [&](std::string_view name) { return DistanceBetween(name, given); });
    if (DistanceBetween(*nearest, given) <= 2) {
      return "did you mean " + std::string(*nearest) + "?";
    }
  }
  std::string out = "there are";
  for (const std::string_view name : names) {
    out += " " + std::string(name);
  }
  return out;
}

using Outcome = std::expected<void, FilterFault>;

std::unexpected<FilterFault> Fault(const FilterValue& value, std::string cause, std::string hint) {
  return std::unexpected(FilterFault{value.column, std::move(cause), std::move(hint)});
}

Outcome AddBit(FilterFact fact, const FilterValue& value, FilterTest& into) {
  std::span<const std::string_view> names = kLivenessNames;
  if (fact == FilterFact::kHealth) {
    names = kHealthNames;
  } else if (fact == FilterFact::kReason) {
    names = kReasonNames;
  } else if (fact == FilterFact::kChange) {
    names = kChangeNames;
  } else if (fact == FilterFact::kMark) {
    names = kMarks;
  }
  const auto at = std::ranges::find(names, value.text);
  if (at == names.end()) {
    return Fault(
        value,
        "no such " + std::string(kFactNames[static_cast<std::size_t>(fact)]) + ": " + value.text,
        HintAmong(names, value.text));
  }
  into.mask |= std::uint64_t{1} << static_cast<unsigned>(at - names.begin());
  return {};
}

Outcome AddProfile(const FilterValue& value, FilterTest& into) {
  const auto number = ReadRosterNumber(value.text, kMaxProfiles - 1);
  if (!number) {
    return Fault(value, "no profile's number: " + value.text, "give 0 to 63");
  }
  into.mask |= std::uint64_t{1} << *number;
  return {};
}

// "42", "0x2a", "1000-1999".
std::optional<FilterRange> RangeOf(std::string_view text, std::uint64_t most) {
  const std::size_t dash = text.find('-');
  const auto first = ReadRosterNumber(text.substr(0, dash), most);
  const auto last =
      dash == std::string_view::npos ? first : ReadRosterNumber(text.substr(dash + 1), most);
  return first && last && *first <= *last ? std::optional(FilterRange{*first, *last})
                                          : std::nullopt;
}

Outcome AddRange(FilterFact fact, const FilterValue& value, FilterTest& into) {
  const bool is_group = fact == FilterFact::kGroup;
  if (is_group && !ReadsAsIds(value.text)) {
    const Group group = roster::NumberOfGroup(value.text.data(), value.text.size());
    into.ranges.push_back({group, group});
    return {};
  }
  const auto range = RangeOf(
      value.text,
      is_group ? std::numeric_limits<Group>::max() : std::numeric_limits<EndpointId>::max());
  if (!range) {
    return is_group
               ? Fault(value, "no group: " + value.text, "give 12, 10-19, or a name")
               : Fault(
                     value, "no id: " + value.text, "give 42, 0x2a or 1000-1999; a name is name:…");
  }
  into.ranges.push_back(*range);
  return {};
}

// In order, those that touch as one.
void Merge(std::vector<FilterRange>& ranges) {
  std::ranges::sort(ranges, {}, &FilterRange::first);
  std::vector<FilterRange> out;
  for (const FilterRange& range : ranges) {
    if (!out.empty() && (range.first <= out.back().last || range.first - out.back().last == 1)) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  ranges = std::move(out);
}

}  // namespace

std::optional<FilterFact> FactNamed(std::string_view name) noexcept {
  const auto* const at = std::ranges::find(kFactNames, name);
  return at == kFactNames.end() ? std::nullopt
                                : std::optional(static_cast<FilterFact>(at - kFactNames.begin()));
}

std::string_view NameOf(FilterFact fact) noexcept {
  const auto index = static_cast<std::size_t>(fact);
  return index < kFactNames.size() ? kFactNames[index] : std::string_view{};
}

std::string HintForFact(std::string_view name) {
  return HintAmong(kFactNames, name);
}

std::expected<FilterTest, FilterFault> TestOf(FilterFact fact,
                                              std::string_view key,
                                              std::span<const FilterValue> values) {
  FilterTest out{.fact = fact, .key = std::string(key)};
  for (const FilterValue& value : values) {
    Outcome added;
    switch (fact) {
      case FilterFact::kLiveness:
      case FilterFact::kHealth:
      case FilterFact::kReason:
      case FilterFact::kChange:
      case FilterFact::kMark:
        added = AddBit(fact, value, out);
        break;
      case FilterFact::kProfile:
        added = AddProfile(value, out);
        break;
      case FilterFact::kGroup:
      case FilterFact::kId:
        added = AddRange(fact, value, out);
        break;
      case FilterFact::kName:
      case FilterFact::kLabel:
        out.values.push_back(value.text);
        break;
    }
    if (!added) {
      return std::unexpected(added.error());
    }
  }
  Merge(out.ranges);
  std::ranges::sort(out.values);
  out.values.erase(std::ranges::unique(out.values).begin(), out.values.end());
  return out;
}

}  // namespace flatline
