// The command line of `flatline`: verbs, the options that all of them share, and the exit code.
// Called by main, and by tests with streams of their own. Single-threaded.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

namespace flatline::cli {

struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

// `arguments` without the program's name. Gives the exit code.
[[nodiscard]] int RunCommandLine(std::span<const std::string> arguments, const Streams& streams);

}  // namespace flatline::cli
