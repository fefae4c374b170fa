// `./run simulate --seeds N [--first S]`: simulated worlds, as many as wanted, over all cores; what
// failed, made small, and the command that repeats it.
#include "tests/simulation/apart.h"
#include "tests/simulation/shrink.h"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <spdlog/spdlog.h>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <oneapi/tbb/global_control.h>

namespace flatline {
namespace {

constexpr std::uint64_t kBetweenSignsOfLife = 1'000;
constexpr std::size_t kMostShrunk = 3;

struct Options {
  Worlds worlds{.first = 1, .count = 1'000, .processes = std::thread::hardware_concurrency()};
  std::string climate;
  bool is_climate_given = false;
  bool is_bad = false;
};

// False where there is no such option, or it takes no such value.
bool Take(std::string_view name, const std::string& value, Options& out) {
  if (name == "--climate") {
    out.climate = value;
    out.is_climate_given = true;
    return !value.empty();
  }
  std::uint64_t number = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
  if (read.ec != std::errc{} || read.ptr != value.data() + value.size()) {
    return false;
  }
  if (name == "--seeds") {
    out.worlds.count = number;
  } else if (name == "--first") {
    out.worlds.first = number;
  } else if (name == "--processes" && number >= 1 && number <= 1024) {
    out.worlds.processes = static_cast<unsigned>(number);
  } else {
    return false;
  }
  return true;
}

Options ParseOptions(int argc, char** argv) {
  Options out;
  for (int i = 1; i < argc; i += 2) {
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    out.is_bad = !Take(argv[i], value, out) || out.is_bad;
  }
  return out;
}

void Print(const Report& report) {
  std::printf("seed %llu: digest %016llx, %llu faults%s%s\n",
              static_cast<unsigned long long>(report.seed),
              static_cast<unsigned long long>(report.digest),
              static_cast<unsigned long long>(report.faults),
              report.faults == 0 ? "" : ", the first: ",
              report.fault.data());
  std::fflush(stdout);
}

void PrintShrunk(std::uint64_t seed, const Climate& climate) {
  const auto fails = [&](const Climate& milder) {
    return LiveThroughApart(seed, milder).faults != 0;
  };
  const Climate least = Shrink(climate, fails);
  Print(LiveThroughApart(seed, least));
  std::printf("  ./run simulate --first %llu --climate %s\n",
              static_cast<unsigned long long>(seed),
              PrintClimate(least).c_str());
}

// One world, in a climate that is given.
int RunOne(const Options& options) {
  const auto climate = ParseClimate(options.climate, World::ClimateOf(options.worlds.first));
  if (!climate) {
    std::cerr << climate.error() << "\n";
    return 2;
  }
  const Tidings tidings = World(options.worlds.first, *climate).Run();
  for (const std::string& fault : tidings.faults) {
    std::cout << fault << "\n";
  }
  std::printf("digest %016llx\n", static_cast<unsigned long long>(tidings.digest));
  return tidings.faults.empty() ? 0 : 1;
}

void Add(Report& sum, const Report& report) {
  for (const auto member : {&Report::frames,
                            &Report::suspicions,
                            &Report::deaths,
                            &Report::recoveries,
                            &Report::answers,
                            &Report::adoptions,
                            &Report::control_deaths,
                            &Report::power_cuts,
                            &Report::journaled,
                            &Report::snapshots,
                            &Report::faults}) {
    sum.*member += report.*member;
  }
}

void PrintSum(std::uint64_t worlds, std::size_t failed, const Report& sum) {
  std::printf(
      "%llu worlds, %zu failed: %llu frames, %llu suspicions, %llu deaths, %llu recoveries, %llu "
      "answers, %llu adoptions, %llu deaths of control, %llu power cuts, %llu records journaled, "
      "%llu "
      "snapshots\n",
      static_cast<unsigned long long>(worlds),
      failed,
      static_cast<unsigned long long>(sum.frames),
      static_cast<unsigned long long>(sum.suspicions),
      static_cast<unsigned long long>(sum.deaths),
      static_cast<unsigned long long>(sum.recoveries),
      static_cast<unsigned long long>(sum.answers),
      static_cast<unsigned long long>(sum.adoptions),
      static_cast<unsigned long long>(sum.control_deaths),
      static_cast<unsigned long long>(sum.power_cuts),
      static_cast<unsigned long long>(sum.journaled),
      static_cast<unsigned long long>(sum.snapshots));
  std::fflush(stdout);
}

int Run(const Options& options) {
  Report sum;
  std::uint64_t lived = 0;
  std::map<std::uint64_t, Report> failed;
  LiveThroughAll(options.worlds, [&](const Report& report) {
    Add(sum, report);
    if (report.faults != 0) {
      Print(report);
      failed[report.seed] = report;
    } else if (options.worlds.count == 1) {
      Print(report);
    }
    if (++lived % kBetweenSignsOfLife == 0) {
      PrintSum(lived, failed.size(), sum);
    }
  });
  PrintSum(lived, failed.size(), sum);
  std::size_t shrunk = 0;
  for (const auto& [seed, report] : failed) {
    if (++shrunk > kMostShrunk) {
      break;
    }
    PrintShrunk(seed, World::ClimateOf(seed));
  }
  return failed.empty() ? 0 : 1;
}

}  // namespace
}  // namespace flatline

int main(int argc, char** argv) {
  const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
  spdlog::set_level(spdlog::level::off);
  const flatline::Options options = flatline::ParseOptions(argc, argv);
  if (options.is_bad) {
    std::cerr << "usage: simulate [--seeds N] [--first SEED] [--processes N] [--climate CLIMATE]\n";
    return 2;
  }
  return options.is_climate_given ? flatline::RunOne(options) : flatline::Run(options);
}
