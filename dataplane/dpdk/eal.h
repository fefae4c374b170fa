// DPDK's environment: its argument line built from the configuration, its start and its end.
// Called once, by main. Takes no device that the configuration does not name: PCI is probed only
// for addresses given, or not at all. Memory comes from hugepages where enough are free, else from
// ordinary pages. No driver is linked: EAL loads them from its plugin directory.
// Assumes one EAL for a process (DPDK knows no other way). Cost: some 100 ms, once.
#pragma once

#include <flatline/config.h>

#include <cstdint>
#include <expected>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace flatline::dpdk {

// What the host has to offer, as found by LookAtHost or invented by a test.
struct HostMemory {
  std::string hugetlbfs;   // a writable mount of it; empty: none
  std::uint64_t page = 0;  // of that mount, bytes
  std::uint64_t free = 0;  // in free pages of that size, bytes
  std::uint64_t available = std::numeric_limits<std::uint64_t>::max();  // in ordinary pages, bytes
  unsigned processors = std::numeric_limits<unsigned>::max();           // numbered from 0
  std::string cpus;  // those we may run on: "0-3,8"
};

[[nodiscard]] HostMemory LookAtHost();

struct EalPlan {
  std::vector<std::string> arguments;  // without the program's name
  bool hugepages = false;
  std::string hugetlbfs;  // where the pages' files will be
};

// `devices` are the ports' device strings, as EAL is to have them; `extra` is what followed `--`:
// it is appended, and what it settles we do not say (`--in-memory` replaces our choice of memory,
// `-l` our choice of cores, and so on).
[[nodiscard]] std::expected<EalPlan, std::string> PlanEal(const Config& config,
                                                          const std::vector<std::string>& devices,
                                                          const HostMemory& host,
                                                          std::span<const std::string> extra);

class Eal {
 public:
  // Logs the whole line, then starts EAL with it.
  [[nodiscard]] static std::expected<Eal, std::string> Start(const Config& config, EalPlan plan);

  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

  // Ports must be closed. Removes what EAL leaves: the hugepages' files, its directory in /run.
  ~Eal();

  // The lcores to run workers on, one each.
  [[nodiscard]] const std::vector<unsigned>& worker_lcores() const noexcept { return lcores_; }

  [[nodiscard]] bool hugepages() const noexcept { return hugepages_; }

 private:
  Eal(std::vector<unsigned> lcores, std::string pages_prefix, bool hugepages) noexcept;

  std::vector<unsigned> lcores_;
  std::string pages_prefix_;  // of the files to remove; empty: none
  bool hugepages_;
  bool owns_ = true;
};

}  // namespace flatline::dpdk
