#include "control/config/complaints.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {
namespace {

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// A key or a piece of the file in a complaint may hold a line's end, or move a terminal's cursor.
std::string InOneLine(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, '?');
  return text;
}

}  // namespace

std::string Complaints::Text() const {
  std::vector<Entry> ordered = entries_;
  std::ranges::stable_sort(ordered, {}, &Entry::place);
  std::string out;
  for (const Entry& entry : ordered) {
    out += (out.empty() ? "" : "\n") + file_ + ":" + std::to_string(entry.place.line) + ":" +
           std::to_string(entry.place.column) + ": " + InOneLine(entry.text);
  }
  return out;
}

std::string_view NearestName(std::string_view word, std::span<const std::string_view> names) {
  std::string_view best;
  // Beyond half of the word the likeness is chance, and the advice would only mislead.
  std::size_t least = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string_view name : names) {
    const std::size_t distance = EditDistance(word, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace flatline
