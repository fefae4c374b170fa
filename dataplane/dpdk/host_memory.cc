#include "dataplane/dpdk/eal.h"
#include "dataplane/region_file.h"

#include <fmt/format.h>
#include <fstream>
#include <sched.h>
#include <string>
#include <sys/sysinfo.h>
#include <vector>

namespace flatline::dpdk {
namespace {

constexpr std::uint64_t kPage = std::uint64_t{2} << 20;  // the size that every machine has

std::uint64_t FreePages() {
  std::uint64_t free = 0;
  std::uint64_t reserved = 0;
  const std::string directory = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
  std::ifstream(directory + "free_hugepages") >> free;
  std::ifstream(directory + "resv_hugepages") >> reserved;
  return free > reserved ? free - reserved : 0;
}

std::string AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    return "0";
  }
  std::string out;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) {
      out += fmt::format("{}{}", out.empty() ? "" : ",", cpu);
    }
  }
  return out;
}

}  // namespace

HostMemory LookAtHost() {
  const std::vector<std::string> mounts = HugepageDirectories();
  return {.hugetlbfs = mounts.empty() ? std::string() : mounts.front(),
          .page = kPage,
          .free = FreePages() * kPage,
          .available = AvailableMemory(),
          .processors = static_cast<unsigned>(::get_nprocs_conf()),
          .cpus = AllowedCpus()};
}

}  // namespace flatline::dpdk
