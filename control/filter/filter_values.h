// The values behind a fact or a label, read into a test: names into bits, numbers into ranges, with
// a hint where a name is nearly right. Used by the filter's parser. Pure.
#pragma once

#include "control/filter/filter_text.h"

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace flatline {

struct FilterValue {
  std::string text{};
  std::size_t column = 0;
  bool is_quoted = false;
};

[[nodiscard]] std::optional<FilterFact> FactNamed(std::string_view name) noexcept;

// As it is written before the colon; of a label nothing.
[[nodiscard]] std::string_view NameOf(FilterFact fact) noexcept;

// The fact that is nearest in spelling, as a question, or nothing.
[[nodiscard]] std::string HintForFact(std::string_view name);

[[nodiscard]] std::expected<FilterTest, FilterFault> TestOf(FilterFact fact,
                                                            std::string_view key,
                                                            std::span<const FilterValue> values);

}  // namespace flatline
