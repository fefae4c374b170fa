#include "control/cli/printable.h"

#include "control/cli/utf8.h"

#include <algorithm>
#include <array>
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

bool IsShown(const Utf8Character& character) {
  return character.point && std::ranges::none_of(kNotShown, [&](const Range& range) {
           return *character.point >= range.first && *character.point <= range.last;
         });
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Character first = FirstCharacter(text);
    out += IsShown(first) ? text.substr(0, first.size) : std::string_view("?");
    text.remove_prefix(first.size);
  }
  return out;
}

}  // namespace flatline::cli
