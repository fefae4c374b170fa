#include <flatline/config.h>

#include <fstream>
#include <linux/magic.h>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <vector>

namespace flatline {
namespace {

constexpr const char* kSharedMemory = "/dev/shm";
constexpr long kHugePageBytes = 2L << 20;  // NOLINT(google-runtime-int): as in statfs

// Mounts of hugetlbfs with 2 MiB pages: where a dataplane with huge pages keeps its region. The
// dataplane has its own search, which asks for writable ones; here it is enough to look.
std::vector<std::string> HugepageMounts() {
  std::vector<std::string> out;
  std::ifstream mounts("/proc/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device;
    std::string directory;
    std::string kind;
    fields >> device >> directory >> kind;
    struct statfs status{};
    if (kind == "hugetlbfs" && ::statfs(directory.c_str(), &status) == 0 &&
        status.f_bsize == kHugePageBytes) {
      out.push_back(directory);
    }
  }
  return out;
}

std::vector<std::string> Directories(const Config& config) {
  if (config.region_directory != "auto") {
    return {config.region_directory};
  }
  std::vector<std::string> out;
  if (config.dataplane.hugepages != HugepageMode::kOff) {
    out = HugepageMounts();
  }
  if (config.dataplane.hugepages != HugepageMode::kRequired || out.empty()) {
    out.emplace_back(kSharedMemory);
  }
  return out;
}

bool Exists(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

}  // namespace

std::string RegionPath(const Config& config) {
  const std::vector<std::string> directories = Directories(config);
  for (const std::string& directory : directories) {
    const std::string path = directory + "/flatline-" + config.instance;
    if (Exists(path)) {
      return path;
    }
  }
  return directories.back() + "/flatline-" + config.instance;
}

}  // namespace flatline
