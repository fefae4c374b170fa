// Text of strangers on an operator's terminal: names of a roster, what endpoints say of themselves,
// whatever a region holds. Used wherever one is printed for people. Pure, linear.
#pragma once

#include <string>
#include <string_view>

namespace flatline::cli {

// The same as UTF-8 that moves no cursor, hides nothing and turns nothing round: control
// characters, those that order or join what is beside them, and bytes that are no UTF-8 become '?'.
[[nodiscard]] std::string Printable(std::string_view text);

}  // namespace flatline::cli
