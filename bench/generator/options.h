// The command line of flatline-generator. Read once, at start; what concerns the fleet is laid over
// the scenario. Errors are one line; `--help` says everything.
#pragma once

#include "bench/generator/dpdk_sender.h"
#include "bench/generator/heartbeat_frame.h"
#include "bench/generator/scenario.h"
#include "bench/generator/traffic.h"

#include <cstdint>
#include <optional>
#include <string>

namespace flatline::generator {

enum class Outlet : std::uint8_t { kPort, kSocket, kCapture };

struct Options {
  Scenario scenario;  // with the command line's own words laid over it
  TrafficOptions traffic;
  Outlet outlet = Outlet::kPort;
  DpdkOptions port;
  std::string socket_target;
  std::string capture_path;
  std::string judge;  // where control listens; empty: nobody judges
  Duration slack{1'000'000'000};
  Duration early{200'000};
  bool flood = false;
  std::string replay;  // capture to flood with; empty: the fleet's heartbeats
  bool json = false;
  bool quiet = false;
};

// What main is to do: run with the options, or print the text and end with the status.
struct Instruction {
  std::optional<Options> options;
  std::string text;
  int status = 0;
};

[[nodiscard]] Instruction ParseOptions(int argc, char** argv);

}  // namespace flatline::generator
