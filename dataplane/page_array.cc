#include "dataplane/page_array.h"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <sys/mman.h>
#include <system_error>
#include <utility>

namespace flatline {

namespace {

constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr std::size_t kSmall = 4096;

std::string InMebibytes(std::size_t bytes) {
  return std::to_string((bytes + (std::size_t{1} << 20) - 1) >> 20) + " MiB";
}

// MemAvailable: what can be had without swapping. Where it cannot be read, no limit is known.
std::size_t AvailableBytes() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  std::uint64_t kibibytes = 0;
  std::string unit;
  while (file >> key >> kibibytes && std::getline(file, unit)) {
    if (key == "MemAvailable:") {
      return kibibytes << 10;
    }
  }
  return SIZE_MAX;
}

std::string Shortage(std::size_t bytes, const std::string& purpose, const std::string& found) {
  return "needed " + InMebibytes(bytes) + " for " + purpose + ", found " + found +
         "; lower dataplane.endpoints or add memory";
}

// A mapping that begins on a boundary of huge pages, so that none is wasted at its ends.
void* MapAligned(std::size_t bytes, std::size_t alignment) {
  void* mapped = ::mmap(
      nullptr, bytes + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    return nullptr;
  }
  auto* begin = static_cast<std::byte*>(mapped);
  const std::size_t skip =
      (alignment - reinterpret_cast<std::uintptr_t>(mapped) % alignment) % alignment;
  if (skip != 0) {
    ::munmap(begin, skip);
  }
  ::munmap(begin + skip + bytes, alignment - skip);
  return begin + skip;
}

// Touches every page, so that a shortage shows now. False: the kernel said that there is none.
bool Populate(void* data, std::size_t bytes) {
  if (::madvise(data, bytes, MADV_POPULATE_WRITE) == 0) {
    return true;
  }
  if (errno != EINVAL) {
    return false;
  }
  // A kernel before 5.14 does not know the advice.
  auto* at = static_cast<volatile unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; i += kSmall) {
    at[i] = 0;
  }
  return true;
}

}  // namespace

PageMemory::~PageMemory() {
  if (data_ != nullptr) {
    ::munmap(data_, bytes_);
  }
}

PageMemory::PageMemory(PageMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

PageMemory& PageMemory::operator=(PageMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

std::expected<PageMemory, std::string> PageMemory::Create(std::size_t bytes,
                                                          const std::string& purpose) {
  const std::size_t page = bytes >= kHuge ? kHuge : kSmall;
  const std::size_t rounded = (bytes + page - 1) / page * page;
  if (const std::size_t available = AvailableBytes(); rounded > available) {
    return std::unexpected(Shortage(rounded, purpose, InMebibytes(available) + " available"));
  }
  PageMemory out;
  out.data_ = MapAligned(rounded, page);
  if (out.data_ == nullptr) {
    return std::unexpected(Shortage(rounded, purpose, std::generic_category().message(errno)));
  }
  out.bytes_ = rounded;
  if (page == kHuge) {
    // Refused where the kernel has no huge pages: then on small ones, slower.
    static_cast<void>(::madvise(out.data_, rounded, MADV_HUGEPAGE));
  }
  if (!Populate(out.data_, rounded)) {
    return std::unexpected(Shortage(rounded, purpose, std::generic_category().message(errno)));
  }
  return out;
}

}  // namespace flatline
