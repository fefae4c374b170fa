#include "bench/generator/options.h"
#include "bench/generator/run.h"

#include <cstdio>

int main(int argc, char** argv) {
  const auto instruction = flatline::generator::ParseOptions(argc, argv);
  if (!instruction.options) {
    std::fputs(instruction.text.c_str(), instruction.status == 0 ? stdout : stderr);
    return instruction.status;
  }
  return flatline::generator::Run(*instruction.options);
}
