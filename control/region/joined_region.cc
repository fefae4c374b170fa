#include "control/region/joined_region.h"

#include <cerrno>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace flatline {

namespace {

struct flock OfFirstByte() {
  struct flock out{};
  out.l_type = F_WRLCK;
  out.l_whence = SEEK_SET;
  out.l_start = 0;
  out.l_len = 1;
  return out;
}

// A lock on one byte, by open file: it does not meet the dataplane's flock on the whole.
std::expected<int, std::string> Lock(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock = OfFirstByte();
  if (descriptor < 0 || ::fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
    const bool is_taken = errno == EAGAIN || errno == EACCES;
    std::string found =
        is_taken ? "another flatline-control" : std::generic_category().message(errno);
    ::close(descriptor);
    return std::unexpected(
        region::Complaint(path, "to be its only control", found, "stop the other one"));
  }
  return descriptor;
}

// Whether it is another control that keeps us out.
bool IsTaken(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    return false;
  }
  struct flock lock = OfFirstByte();
  const bool is_taken = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(descriptor);
  return is_taken;
}

// To wait for a dataplane is nothing; behind another control it may be for ever.
void SayOfWaiting(const std::string& path, const std::string& complaint) {
  if (IsTaken(path)) {
    spdlog::warn("{}; until then this one waits for its turn, and tells nobody of anything",
                 complaint);
  } else {
    spdlog::info("{}", complaint);
  }
}

// Whether the file is a region that is complete, and not of the version that we speak.
bool IsOfAnotherVersion(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return false;
  }
  // hugetlbfs has no read()
  const std::size_t size = kHugePage;
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  struct stat status{};
  const bool is_there = ::fstat(descriptor, &status) == 0 &&
                        status.st_size >= static_cast<off_t>(sizeof(RegionHeader));
  ::close(descriptor);
  if (at == MAP_FAILED) {
    return false;
  }
  const auto& header = *static_cast<const RegionHeader*>(at);
  const bool is_foreign =
      is_there && header.magic == kRegionMagic && header.version != kRegionVersion;
  ::munmap(at, size);
  return is_foreign;
}

}  // namespace

std::expected<std::unique_ptr<JoinedRegion>, std::string> JoinedRegion::Join(
    const std::string& path) {
  auto mapped = MappedRegion::Open(path, MappedRegion::Access::kControl);
  if (!mapped) {
    return std::unexpected(std::move(mapped.error()));
  }
  auto lock = Lock(path);
  if (!lock) {
    return std::unexpected(std::move(lock.error()));
  }
  std::unique_ptr<JoinedRegion> out(new JoinedRegion(std::move(*mapped), *lock));
  if (out->mapped_.IsReplaced()) {
    return std::unexpected(path + ": was replaced while it was being joined; trying again");
  }
  return out;
}

JoinedRegion::~JoinedRegion() {
  ::close(lock_);
}

bool JoinedRegion::IsSuperseded(const std::string& path) const {
  const bool is_elsewhere = path != mapped_.path() && ::access(path.c_str(), F_OK) == 0;
  return is_elsewhere || mapped_.IsReplaced() || view().header().generation != generation_;
}

RegionWatch::Event RegionWatch::Poll(Instant now) {
  if (now < next_) {
    return Event::kNothing;
  }
  next_ = now + kInterval;
  const std::string path = RegionPath(*config_);
  if (region_) {
    return region_->IsSuperseded(path) ? Event::kReplaced : Event::kNothing;
  }
  auto joined = JoinedRegion::Join(path);
  if (!joined) {
    const bool is_foreign = IsOfAnotherVersion(path);
    if (joined.error() != complaint_) {
      complaint_ = joined.error();
      if (!is_foreign) {
        SayOfWaiting(path, complaint_);
      }
    }
    return is_foreign ? Event::kForeign : Event::kNothing;
  }
  complaint_.clear();
  region_ = std::move(*joined);
  const RegionHeader& header = region_->view().header();
  spdlog::info("joined {}: {} workers, {} endpoints, generation {}",
               path,
               region_->view().shape().workers,
               header.capacity,
               header.generation);
  return Event::kJoined;
}

}  // namespace flatline
