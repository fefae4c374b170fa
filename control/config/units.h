// Durations and sizes as people write them, both ways. Used by the reader and the printer of the
// configuration and by the command line. Pure. What is printed reads back to the same value.
#pragma once

#include <flatline/time.h>

#include <cstdint>
#include <string>

namespace flatline {

// In the largest unit that takes a whole number: "1s", "250ms".
[[nodiscard]] std::string PrintDuration(Duration duration);

// "64M", "1G"; "100B" where nothing larger divides it.
[[nodiscard]] std::string PrintBytes(std::uint64_t bytes);

}  // namespace flatline
