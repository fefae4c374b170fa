// `flatline` run inside the test: arguments in, exit code and both outputs out.
#pragma once

#include "control/cli/command_line.h"

#include <sstream>
#include <string>
#include <vector>

namespace flatline::cli {

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

inline Ran Flatline(const std::vector<std::string>& arguments, const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const int code = RunCommandLine(arguments, {in, out, err});
  return {.code = code, .out = out.str(), .err = err.str()};
}

}  // namespace flatline::cli
