// flatline: the command line.
#include "control/cli/command_line.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  try {
    std::cin.tie(nullptr);
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const int code = flatline::cli::RunCommandLine(arguments, {std::cin, std::cout, std::cerr});
    return std::cout.flush() ? code : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flatline: %s\n", error.what());
    return 1;
  }
}
