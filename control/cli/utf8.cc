#include "control/cli/utf8.h"

#include <algorithm>
#include <array>
#include <bit>

namespace flatline::cli {

Utf8Character FirstCharacter(std::string_view text) {
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
  const bool is_half = point >= 0xD800 && point <= 0xDFFF;  // of a pair of UTF-16
  return is_half || point > 0x10FFFF ? Utf8Character{.size = size}
                                     : Utf8Character{.size = size, .point = point};
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character first = FirstCharacter(text);
    if (!first.point) {
      return false;
    }
    text.remove_prefix(first.size);
  }
  return true;
}

}  // namespace flatline::cli
