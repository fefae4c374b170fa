// flatline-dataplane: the process that hears.
#include "dataplane/dpdk/dataplane.h"
#include "dataplane/options.h"

#include <flatline/config.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

constexpr int kFailed = 1;
constexpr int kBadConfiguration = 2;

int Complain(const std::string& line, int status) {
  std::fprintf(stderr, "flatline-dataplane: %s\n", line.c_str());
  return status;
}

int Main(int count, char** arguments) {
  const auto options = flatline::ParseOptions(count, arguments);
  if (!options) {
    std::fputs((options.error().text + "\n").c_str(),
               options.error().status == 0 ? stdout : stderr);
    return options.error().status;
  }
  auto config = flatline::LoadConfig(options->config);
  if (config) {
    config = flatline::Override(*config, *options);
  }
  if (!config) {
    return Complain(config.error(), kBadConfiguration);
  }
  if (options->print_effective) {
    std::fputs(flatline::PrintConfig(*config).c_str(), stdout);
    return EXIT_SUCCESS;
  }
  if (const auto devices = flatline::dpdk::CheckDevices(*config); !devices) {
    return Complain(devices.error(), kBadConfiguration);
  }
  const auto ran = flatline::dpdk::RunDataplane(*config, *options);
  return ran ? EXIT_SUCCESS : Complain(ran.error(), kFailed);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return Main(count, arguments);
  } catch (const std::exception& error) {  // out of memory at start, say
    return Complain(error.what(), kFailed);
  }
}
