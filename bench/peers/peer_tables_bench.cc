// Our index beside the hash tables that a user would take instead: find an endpoint by its 64-bit
// id and stamp it. The same random ids for all, in the same random order, in bursts of 64, round
// and round; each table by itself, turn about. Measures look-up and stamp, in seconds of the
// thread; not packets, not the checks, not several threads. Prints rows `table.*`: look-ups a
// second (the median round), and ratios. Fails if a table misses one.
#include "bench/core_seconds.h"
#include "bench/peers/stamped_table.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace flatline::peers {
namespace {

constexpr unsigned kRounds = 5;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

struct Contender {
  const char* name;
  std::unique_ptr<StampedTable> table;
  std::array<double, kRounds> rates{};

  [[nodiscard]] double Median() const {
    auto sorted = rates;
    std::ranges::sort(sorted);
    return sorted[kRounds / 2];
  }
};

// Different from each other, never 0: what hash tables meet where ids are drawn at random.
EndpointId IdOf(std::uint64_t number) {
  std::uint64_t x = number + 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::vector<EndpointId> RandomIds(std::size_t count) {
  std::vector<EndpointId> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = IdOf(i);
  }
  return out;
}

// Stamps `order` from burst `first` to burst `last`. Throws if one is not found.
void Stamp(StampedTable& table,
           std::span<const EndpointId> order,
           std::size_t first,
           std::size_t last,
           std::uint32_t stamp) {
  std::size_t found = 0;
  for (std::size_t burst = first; burst < last; ++burst) {
    found += table.StampBurst(order.subspan(burst * kBurst, kBurst), stamp);
  }
  if (found != (last - first) * kBurst) {
    throw std::runtime_error("a table did not find an endpoint that is in it");
  }
}

// Half a pass over everybody, behind a quarter that brings back to the caches what this table keeps
// there. Each round begins elsewhere.
double Rate(StampedTable& table, std::span<const EndpointId> order, unsigned round) {
  const std::size_t quarter = order.size() / kBurst / 4;
  const std::size_t first = quarter * (round % 2);
  Stamp(table, order, first, first + quarter, 2 * round + 1);
  const double begin = CoreSeconds();
  Stamp(table, order, first + quarter, first + 3 * quarter, 2 * round + 2);
  return static_cast<double>(2 * quarter * kBurst) / (CoreSeconds() - begin);
}

bool AreHugePagesFree(std::size_t bytes) {
  std::size_t free = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> free;
  return free * kHugePage > bytes;
}

void PrintRows(const std::array<Contender, 5>& contenders, bool huge) {
  for (const Contender& it : contenders) {
    std::printf("table.%s_lookups_per_core %.4g 1/s\n", it.name, it.Median());
  }
  const auto& [ours, rte_hash, tbb, tbb_prefetched, unordered] = contenders;
  std::printf("table.rte_hash_on_huge_pages %d 1\n", huge ? 1 : 0);
  std::printf("table.ratio_to_rte_hash %.4g 1\n", ours.Median() / rte_hash.Median());
  std::printf("table.ratio_to_tbb %.4g 1\n", ours.Median() / tbb.Median());
  std::printf("table.ratio_to_tbb_prefetched %.4g 1\n", ours.Median() / tbb_prefetched.Median());
  std::printf("table.ratio_to_unordered_map %.4g 1\n", ours.Median() / unordered.Median());
}

void Run(std::size_t endpoints, bool may_be_huge) {
  std::vector<EndpointId> ids = RandomIds(endpoints);
  const bool huge = may_be_huge && AreHugePagesFree(RteHashBytes(endpoints));
  if (may_be_huge && !huge) {
    std::fputs("peer_tables_bench: needed free huge pages for rte_hash, found too few\n", stderr);
  }
  TbbTables tbb = MakeTbb(ids);
  std::array<Contender, 5> contenders{{{"flatline", MakeFlatline(ids)},
                                       {"rte_hash", MakeRteHash(ids, huge)},
                                       {"tbb", std::move(tbb.plain)},
                                       {"tbb_prefetched", std::move(tbb.prefetched)},
                                       {"unordered_map", MakeUnordered(ids)}}};
  std::ranges::shuffle(ids, std::mt19937_64(1));
  for (unsigned round = 0; round < kRounds; ++round) {
    for (Contender& it : contenders) {
      it.rates[round] = Rate(*it.table, ids, round);
    }
  }
  PrintRows(contenders, huge);
}

}  // namespace
}  // namespace flatline::peers

int main(int count, char** arguments) {
  const std::size_t endpoints = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000'000;
  const bool small = count > 2 && std::string_view(arguments[2]) == "small";
  if (endpoints < 1024 || endpoints > 200'000'000 || (count > 2 && !small)) {
    std::fputs("usage: peer_tables_bench [ENDPOINTS [small]]: small: no huge pages for EAL\n",
               stderr);
    return 2;
  }
  try {
    flatline::peers::Run(endpoints, !small);
  } catch (const std::exception& error) {  // as when the memory cannot be had
    std::fprintf(stderr, "peer_tables_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
