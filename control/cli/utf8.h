// UTF-8, read a character at a time, of bytes that may be none. For texts of strangers, and for
// those that are sent where UTF-8 is expected. Pure, linear.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace flatline::cli {

struct Utf8Character {
  std::size_t size = 1;                  // bytes
  std::optional<std::uint32_t> point{};  // nothing: these bytes are no character
};

// Of a text that is not empty.
[[nodiscard]] Utf8Character FirstCharacter(std::string_view text);

[[nodiscard]] bool IsUtf8(std::string_view text);

}  // namespace flatline::cli
