#include "control/region/region_file.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

// Closed at the end of the scope; a mapping outlives its descriptor.
class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}

  ~Descriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_;
};

std::unexpected<std::string> Fail(const std::string& path, int error) {
  const std::string found = std::generic_category().message(error);
  if (error == ENOENT) {
    return std::unexpected(region::Complaint(
        path, "a region", "none", "start the dataplane, or name its configuration with --config"));
  }
  return std::unexpected(region::Complaint(
      path, "a region to join", found, "join as a member of region_group, or as root"));
}

// The header is copied out of the file's first bytes by a mapping of its own, so that nothing is
// computed from a file that is not a region.
std::expected<RegionShape, std::string> ShapeOf(int descriptor,
                                                std::uint64_t bytes,
                                                std::uint64_t page,
                                                const std::string& path) {
  if (bytes < sizeof(RegionHeader)) {
    const RegionHeader none;
    return ValidateRegion(none, bytes, path);
  }
  const std::uint64_t length = (sizeof(RegionHeader) + page - 1) / page * page;
  void* at = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, descriptor, 0);
  if (at == MAP_FAILED) {
    return Fail(path, errno);
  }
  auto shape = ValidateRegion(*static_cast<const RegionHeader*>(at), bytes, path);
  ::munmap(at, length);
  return shape;
}

}  // namespace

std::expected<MappedRegion, std::string> MappedRegion::Open(const std::string& path,
                                                            Access access) {
  const bool writable = access == Access::kControl;
  const Descriptor file(
      ::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return Fail(path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return Fail(path, EINVAL);
  }
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  const auto page = static_cast<std::uint64_t>(status.st_blksize);
  const auto shape = ShapeOf(file.get(), bytes, page, path);
  if (!shape) {
    return std::unexpected(shape.error());
  }
  void* base = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (base == MAP_FAILED) {
    return Fail(path, errno);
  }
  MappedRegion out(path, static_cast<std::byte*>(base), *shape);
  out.device_ = status.st_dev;
  out.inode_ = status.st_ino;
  const RegionLayout& layout = out.view_.layout();
  if (writable && ::mprotect(out.view_.base() + layout.control,
                             layout.dataplane - layout.control,
                             PROT_READ | PROT_WRITE) != 0) {
    return Fail(path, errno);
  }
  return out;
}

MappedRegion::MappedRegion(MappedRegion&& other) noexcept
    : path_(std::move(other.path_)),
      view_(other.view_),
      device_(other.device_),
      inode_(other.inode_),
      owned_(std::exchange(other.owned_, false)) {}

MappedRegion& MappedRegion::operator=(MappedRegion&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(view_, other.view_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  std::swap(owned_, other.owned_);
  return *this;
}

MappedRegion::~MappedRegion() {
  if (owned_) {
    ::munmap(view_.base(), view_.layout().bytes);
  }
}

bool MappedRegion::IsReplaced() const {
  struct stat status{};
  return ::stat(path_.c_str(), &status) != 0 || status.st_dev != device_ || status.st_ino != inode_;
}

}  // namespace flatline
