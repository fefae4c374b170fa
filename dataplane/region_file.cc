#include "dataplane/region_file.h"

#include <flatline/region.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <limits>
#include <linux/magic.h>
#include <memory>
#include <sstream>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

constexpr mode_t kMode = 0660;

std::string InMebibytes(std::uint64_t bytes) {
  return std::to_string((bytes + (1U << 20) - 1) >> 20) + " MiB";
}

std::string LastError() {
  return std::generic_category().message(errno);
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string{"."} : path.substr(0, slash + 1);
}

std::unexpected<std::string> Fail(const std::string& path,
                                  const std::string& needed,
                                  const std::string& found,
                                  const std::string& remedy) {
  return std::unexpected(region::Complaint(path, needed, found, remedy));
}

std::unexpected<std::string> Shortage(const std::string& path, std::uint64_t bytes) {
  const std::string directory = DirectoryOf(path);
  const bool huge = PageOf(directory) == kHugePage;
  return Fail(path,
              InMebibytes(bytes) + " free in " + directory,
              InMebibytes(FreeBytes(directory)),
              huge ? "reserve more hugepages (vm.nr_hugepages), or lower dataplane.endpoints"
                   : "lower dataplane.endpoints, or free memory");
}

}  // namespace

RegionFile::RegionFile(std::string path, int descriptor) noexcept
    : path_(std::move(path)), descriptor_(descriptor) {}

RegionFile::RegionFile(RegionFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      memory_(std::exchange(other.memory_, {})) {}

RegionFile::~RegionFile() {
  if (!memory_.empty()) {
    ::munmap(memory_.data(), memory_.size());
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

bool RegionFile::Exists(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

std::expected<RegionFile, std::string> RegionFile::Open(const std::string& path) {
  RegionFile file(path, ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file.descriptor_ < 0) {
    return Fail(path,
                "to open the region",
                LastError(),
                "run as its owner, or remove it if it is not in use");
  }
  if (auto locked = file.Lock(); !locked) {
    return std::unexpected(locked.error());
  }
  struct stat status{};
  if (::fstat(file.descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    return Fail(path, "a regular file", "something else", "remove it, or set another instance");
  }
  if (status.st_size > 0) {
    if (auto mapped = file.Map(static_cast<std::uint64_t>(status.st_size)); !mapped) {
      return std::unexpected(mapped.error());
    }
  }
  return file;
}

std::expected<RegionFile, std::string> RegionFile::Create(const std::string& path,
                                                          std::uint64_t bytes,
                                                          const std::string& group) {
  if (::access(DirectoryOf(path).c_str(), W_OK | X_OK) != 0) {
    return Fail(path,
                "a directory in which to make the region",
                LastError(),
                "make it so, or set region_directory");
  }
  if (FreeBytes(DirectoryOf(path)) < bytes) {
    return Shortage(path, bytes);
  }
  ::unlink(path.c_str());
  RegionFile file(path,
                  ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (file.descriptor_ < 0) {
    return Fail(path,
                "to create the region",
                LastError(),
                "make the directory writable, or set region_directory");
  }
  if (auto made = file.Prepare(bytes, group); !made) {
    file.Unlink();
    return std::unexpected(made.error());
  }
  return file;
}

std::expected<void, std::string> RegionFile::Prepare(std::uint64_t bytes,
                                                     const std::string& group) {
  if (auto locked = Lock(); !locked) {
    return locked;
  }
  if (auto given = GiveTo(group); !given) {
    return given;
  }
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
    return Shortage(path_, bytes);
  }
  if (auto mapped = Map(bytes); !mapped) {
    return mapped;
  }
  return Populate();
}

std::expected<void, std::string> RegionFile::Lock() {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    return {};
  }
  return Fail(path_,
              "the region for this dataplane alone",
              "another dataplane using it",
              "stop that one, or set another instance");
}

std::expected<void, std::string> RegionFile::GiveTo(const std::string& group) {
  gid_t id = static_cast<gid_t>(-1);
  if (!group.empty()) {
    ::group entry{};
    ::group* found = nullptr;
    std::vector<char> names(16384);
    if (::getgrnam_r(group.c_str(), &entry, names.data(), names.size(), &found) != 0 ||
        found == nullptr) {
      return Fail(path_,
                  "the group " + group + " (region_group)",
                  "none of that name",
                  "create it, or change region_group");
    }
    id = found->gr_gid;
  }
  // The mode again: the one at creation passed through the umask.
  if (::fchown(descriptor_, static_cast<uid_t>(-1), id) != 0 || ::fchmod(descriptor_, kMode) != 0) {
    return Fail(path_,
                "to give the region to group " + group,
                LastError(),
                "run as root or as a member of the group");
  }
  return {};
}

std::expected<void, std::string> RegionFile::Map(std::uint64_t bytes) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (at == MAP_FAILED) {
    return Shortage(path_, bytes);
  }
  memory_ = {static_cast<std::byte*>(at), bytes};
  // Where tmpfs grants huge pages on advice, the table costs fewer TLB misses. Refusal is fine.
  ::madvise(at, bytes, MADV_HUGEPAGE);
  return {};
}

std::expected<void, std::string> RegionFile::Populate() {
  // In steps, so that a machine which runs short is told of by name before all of it is gone.
  constexpr std::size_t kStep = std::size_t{1} << 30;
  for (std::size_t done = 0; done < memory_.size(); done += kStep) {
    const std::size_t length = std::min(kStep, memory_.size() - done);
    if (::madvise(memory_.data() + done, length, MADV_POPULATE_WRITE) != 0) {
      return Shortage(path_, memory_.size());
    }
  }
  return {};
}

bool RegionFile::has_name() const noexcept {
  struct stat status{};
  return ::fstat(descriptor_, &status) != 0 || status.st_nlink != 0;
}

void RegionFile::Unlink() noexcept {
  ::unlink(path_.c_str());
}

std::vector<std::string> HugepageDirectories() {
  std::vector<std::string> out;
  std::ifstream mounts("/proc/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device;
    std::string directory;
    std::string kind;
    fields >> device >> directory >> kind;
    if (kind == "hugetlbfs" && PageOf(directory) == kHugePage &&
        ::access(directory.c_str(), W_OK | X_OK) == 0) {
      out.push_back(directory);
    }
  }
  return out;
}

std::uint64_t AvailableMemory() {
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  std::uint64_t kibibytes = 0;
  std::string unit;
  while (meminfo >> key >> kibibytes && std::getline(meminfo, unit)) {
    if (key == "MemAvailable:") {
      return kibibytes << 10;
    }
  }
  return std::numeric_limits<std::uint64_t>::max();
}

std::uint32_t PageOf(const std::string& directory) {
  struct statfs status{};
  if (::statfs(directory.c_str(), &status) == 0 && status.f_type == HUGETLBFS_MAGIC) {
    return static_cast<std::uint32_t>(status.f_bsize);
  }
  return kSmallPage;
}

std::uint64_t FreeBytes(const std::string& directory) {
  struct statfs status{};
  if (::statfs(directory.c_str(), &status) != 0) {
    return 0;
  }
  const auto page = static_cast<std::uint64_t>(status.f_bsize);
  if (status.f_type != HUGETLBFS_MAGIC) {
    return std::min(status.f_bavail * page, AvailableMemory());
  }
  // The mount's own limit where it has one, else what the machine has free and not promised.
  std::uint64_t free = 0;
  std::uint64_t promised = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> free;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages") >> promised;
  const std::uint64_t in_machine = free > promised ? (free - promised) * page : 0;
  return status.f_blocks == 0 ? in_machine : std::min(in_machine, status.f_bavail * page);
}

}  // namespace flatline
