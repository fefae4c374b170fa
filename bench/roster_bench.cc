// A roster of so many endpoints (argument; ten million without), each with a name and three labels:
// loaded from CSV and from JSON lines, opened as control does at its start, looked into. Prints
// rows for `./run figures delivery.roster`.
#include "control/roster/roster.h"
#include "control/roster/roster_load.h"
#include "tests/temporary_directory.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace {

using namespace flatline;  // NOLINT(google-build-using-namespace): a program, not a header
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Forty to a rack, sixteen racks to a row, twelve zones, thirty roles; in no order of the ids.
void WriteText(const std::string& path, std::uint64_t endpoints, bool as_json) {
  std::ofstream out(path, std::ios::binary);
  std::string text = as_json ? "" : "id,name,group,rack,zone,role\n";
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
  for (std::uint64_t i = 1; i <= endpoints; ++i) {
    const std::uint64_t rack = i / 40;
    const char* const line =
        as_json ? "{{\"id\":{},\"name\":\"node-{:08}.dc{}\",\"group\":{},\"labels\":{{\"rack\":"
                  "\"r{}\",\"zone\":\"z{}\",\"role\":\"role-{}\"}}}}\n"
                : "{},node-{:08}.dc{},{},r{},z{},role-{}\n";
    fmt::format_to(std::back_inserter(text),
                   fmt::runtime(line),
                   i * kOdd,
                   i,
                   i % 12,
                   rack / 16,
                   rack,
                   i % 12,
                   i % 30);
    if (text.size() > (std::size_t{4} << 20)) {
      out << text;
      text.clear();
    }
  }
  out << text;
}

// Seconds from the file of text to the roster in its place.
double LoadOnce(const std::string& text_path, const std::string& roster_path) {
  const auto begin = Clock::now();
  const auto text = RosterText::OfFile(text_path);
  if (!text) {
    fmt::print(stderr, "roster_bench: {}\n", text.error());
    std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  RosterLoad how;
  how.progress = [&](std::string_view step, std::uint64_t done, std::uint64_t of) {
    if (done == of) {
      fmt::print(stderr, "  {} after {:.2f} s\n", step, SecondsSince(begin));
    }
  };
  const auto outcome = LoadRoster(text->text(), how, roster_path);
  if (!outcome || !outcome->is_written) {
    fmt::print(stderr, "roster_bench: not loaded\n");
    std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  return SecondsSince(begin);
}

double FindNanoseconds(const Roster& roster) {
  std::mt19937_64 random(20261121);
  constexpr int kLooks = 1'000'000;
  std::size_t found = 0;
  const auto begin = Clock::now();
  for (int i = 0; i < kLooks; ++i) {
    found += roster.NameOf(roster.id(static_cast<std::uint32_t>(random() % roster.size()))).size();
  }
  const double out = SecondsSince(begin) / kLooks * 1e9;
  return found != 0 ? out : 0;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): a benchmark may end with one
int main(int argc, char** argv) {
  const std::uint64_t endpoints = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  if (endpoints == 0) {
    return 2;
  }
  const TemporaryDirectory directory;
  const std::string text = directory.Path("text");
  const std::string path = directory.Path("roster");
  WriteText(text, endpoints, true);
  const double json = LoadOnce(text, path);
  WriteText(text, endpoints, false);
  const double csv = LoadOnce(text, path);
  const auto begin = Clock::now();
  const auto roster = Roster::Open(path);
  const double open = SecondsSince(begin);
  if (!roster || *roster == nullptr) {
    return 1;
  }
  fmt::print("delivery.roster_seconds {:.4g} s\n", csv);
  fmt::print("delivery.roster_json_seconds {:.4g} s\n", json);
  fmt::print("delivery.roster_open_seconds {:.4g} s\n", open);
  fmt::print("delivery.roster_bytes_per_endpoint {:.4g} B\n",
             static_cast<double>((*roster)->bytes()) / static_cast<double>(endpoints));
  fmt::print("delivery.roster_name_of_ns {:.4g} ns\n", FindNanoseconds(**roster));
  return 0;
}
