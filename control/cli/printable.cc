#include "control/cli/printable.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace flatline::cli {
namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Control characters, and Unicode's that are not seen but change what is: joiners, marks of
// direction, separators of lines, selectors of variants, tags; and what no character is.
constexpr auto kNotShown = std::to_array<Range>({{0x00, 0x1F},
                                                 {0x7F, 0x9F},
                                                 {0xAD, 0xAD},
                                                 {0x061C, 0x061C},
                                                 {0x180E, 0x180E},
                                                 {0x200B, 0x200F},
                                                 {0x2028, 0x202E},
                                                 {0x2060, 0x206F},
                                                 {0xD800, 0xDFFF},
                                                 {0xFE00, 0xFE0F},
                                                 {0xFEFF, 0xFEFF},
                                                 {0xFFF0, 0xFFFB},
                                                 {0xFFFE, 0xFFFF},
                                                 {0xE0000, 0xE0FFF},
                                                 {0x110000, 0xFFFFFFFF}});

struct Character {
  std::size_t size = 1;
  bool is_shown = false;
};

Character FirstOf(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  const std::uint8_t lead = byte(0);
  const auto ones = static_cast<std::size_t>(std::countl_one(lead));
  if (ones == 1 || ones > 4) {
    return {};
  }
  const std::size_t size = std::max<std::size_t>(ones, 1);
  constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  std::uint32_t point = size == 1 ? lead : lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) {
      return {};
    }
    point = point << 6 | (byte(i) & 0x3FU);
  }
  if (point < kLeast[size]) {
    return {};
  }
  return {.size = size, .is_shown = std::ranges::none_of(kNotShown, [point](const Range& range) {
                          return point >= range.first && point <= range.last;
                        })};
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character first = FirstOf(text);
    out += first.is_shown ? text.substr(0, first.size) : std::string_view("?");
    text.remove_prefix(first.size);
  }
  return out;
}

}  // namespace flatline::cli
