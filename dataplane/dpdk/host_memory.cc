#include "dataplane/dpdk/eal.h"

#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <mntent.h>
#include <sched.h>
#include <string_view>
#include <sys/vfs.h>
#include <unistd.h>

namespace flatline::dpdk {
namespace {

constexpr std::uint64_t kPage = std::uint64_t{2} << 20;  // the size that every machine has

struct CloseMounts {
  void operator()(FILE* file) const { endmntent(file); }
};

// The first mount of hugetlbfs with pages of kPage that we may write to.
std::string FindHugetlbfs() {
  const std::unique_ptr<FILE, CloseMounts> mounts(setmntent("/proc/mounts", "r"));
  mntent entry{};
  std::array<char, 4096> strings{};
  while (mounts != nullptr &&
         getmntent_r(mounts.get(), &entry, strings.data(), static_cast<int>(strings.size())) !=
             nullptr) {
    struct statfs about{};
    if (std::string_view(entry.mnt_type) == "hugetlbfs" && statfs(entry.mnt_dir, &about) == 0 &&
        static_cast<std::uint64_t>(about.f_bsize) == kPage && access(entry.mnt_dir, W_OK) == 0) {
      return entry.mnt_dir;
    }
  }
  return {};
}

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
  return {.hugetlbfs = FindHugetlbfs(),
          .page = kPage,
          .free = FreePages() * kPage,
          .cpus = AllowedCpus()};
}

}  // namespace flatline::dpdk
