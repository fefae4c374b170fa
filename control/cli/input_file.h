// A file that somebody named on the command line, open to be read from its start. A pipe will do; a
// directory, which would read as an empty file, will not.
#pragma once

#include <expected>
#include <fstream>
#include <string>

namespace flatline::cli {

// The error says what was found, and to name another.
[[nodiscard]] std::expected<std::ifstream, std::string> OpenInput(const std::string& path);

}  // namespace flatline::cli
