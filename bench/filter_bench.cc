// What a filter costs for each record of a storm, over a roster of a million endpoints (argument):
// by facts, by a label that few have, by one that many have, and by a mixture. Prints rows for
// `./run figures delivery.filter`.
#include "control/filter/filter_pool.h"
#include "control/roster/roster_load.h"
#include "tests/temporary_directory.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace flatline;  // NOLINT(google-build-using-namespace): a program, not a header
using Clock = std::chrono::steady_clock;

struct Case {
  const char* row;
  const char* filter;
};

constexpr Case kCases[] = {
    {"delivery.filter_liveness_ns", "liveness:dead,suspect"},
    {"delivery.filter_groups_ns", "group:3,17,200-299,5000"},
    {"delivery.filter_few_ns", "rack=r7"},
    {"delivery.filter_many_ns", "zone=z3"},
    {"delivery.filter_mixed_ns", "liveness:dead,suspect and rack=r7 and not group:12"},
};

std::shared_ptr<const Roster> MakeRoster(std::uint64_t endpoints) {
  const TemporaryDirectory directory;
  std::string text = "id,rack,zone\n";
  for (std::uint64_t id = 1; id <= endpoints; ++id) {
    text += fmt::format("{},r{},z{}\n", id, id / 40, id % 8);
  }
  const RosterText kept = RosterText::Of(text);
  const auto outcome = LoadRoster(kept.text(), {}, directory.Path("roster"));
  auto out = Roster::Open(directory.Path("roster"));
  if (!outcome || !outcome->is_written || !out) {
    std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  return *out;
}

// All of them die, in no order.
std::vector<DeliveryRecord> Storm(std::uint64_t endpoints) {
  std::mt19937_64 random(20261121);
  std::vector<DeliveryRecord> out(endpoints);
  for (DeliveryRecord& record : out) {
    record.endpoint = random() % endpoints + 1;
    record.to = static_cast<std::uint8_t>(Liveness::kDead);
    record.group = static_cast<Group>(record.endpoint / 640);
  }
  return out;
}

double NanosecondsEach(const FilterProgram& program, const std::vector<DeliveryRecord>& records) {
  constexpr std::size_t kBatch = 1024;
  std::vector<std::uint8_t> wanted(kBatch);
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const auto begin = Clock::now();
    for (std::size_t at = 0; at < records.size(); at += kBatch) {
      program.Match(std::span(records).subspan(at, std::min(kBatch, records.size() - at)), wanted);
    }
    const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
    best = std::min(best, took.count() / static_cast<double>(records.size()));
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t endpoints = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  if (endpoints == 0) {
    return 2;
  }
  FilterPool pool;
  pool.Follow(MakeRoster(endpoints));
  const std::vector<DeliveryRecord> storm = Storm(endpoints);
  for (const Case& one : kCases) {
    const auto filter = pool.Intern(one.filter);
    if (!filter) {
      fmt::print(stderr, "filter_bench: {}\n", filter.error().Text());
      return 1;
    }
    fmt::print("{} {:.3g} ns\n", one.row, NanosecondsEach(*(*filter)->program(), storm));
  }
  return 0;
}
