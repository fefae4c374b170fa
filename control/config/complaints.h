// What is wrong with a configuration file: collected, ordered by place, told all at once, so that a
// file is mended in one go. Used by the reader and the checks. Costs nothing worth counting.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

// Both count from 1.
struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  constexpr auto operator<=>(const Place&) const = default;
};

class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}

  void Add(Place place, std::string text) { entries_.push_back({place, std::move(text)}); }

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  [[nodiscard]] bool HasAt(Place place) const noexcept {
    return std::ranges::any_of(entries_,
                               [place](const Entry& entry) { return entry.place == place; });
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  // "file:line:column: text", one a line, in the order of the file.
  [[nodiscard]] std::string Text() const;

 private:
  struct Entry {
    Place place;
    std::string text;
  };

  std::string file_;
  std::vector<Entry> entries_;
};

// The name most like `word` (Levenshtein), or empty where none is near.
[[nodiscard]] std::string_view NearestName(std::string_view word,
                                           std::span<const std::string_view> names);

}  // namespace flatline
