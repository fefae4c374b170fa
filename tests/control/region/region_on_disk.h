// A small region in a file of its own, as a dataplane would have left it, for tests of those who
// join it. Removed with the object.
#pragma once

#include "tests/temporary_directory.h"

#include <flatline/check.h>
#include <flatline/config.h>
#include <flatline/region.h>

#include <cstdint>
#include <fcntl.h>
#include <new>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace flatline {

class RegionOnDisk {
 public:
  struct Shape {
    std::uint32_t workers = 1;
    std::uint32_t slots_per_worker = 2 * kBlockSlots;
  };

  explicit RegionOnDisk(Shape wanted) : view_(nullptr, RegionShape{}) {
    RegionShape shape;
    shape.workers = wanted.workers;
    shape.slots_per_worker = wanted.slots_per_worker;
    shape.transition_capacity = 64;
    shape.command_capacity = 64;
    shape.payloads_per_worker = 8;
    shape.leases_per_worker = 8;
    const std::uint64_t bytes = RegionLayout::Of(shape).bytes;
    path_ = directory_.Path("flatline-flatline");
    const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FLATLINE_CHECK(file >= 0 && ::ftruncate(file, static_cast<off_t>(bytes)) == 0);
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    FLATLINE_CHECK(at != MAP_FAILED);
    ::close(file);
    view_ = RegionView(static_cast<std::byte*>(at), shape);
    auto& header = *new (at) RegionHeader;
    header.magic = kRegionMagic;
    header.version = kRegionVersion;
    header.shape = shape;
    header.bytes = bytes;
    header.generation = 1'790'000'000'000'000'000;
    header.hash_key = 0x1234;
    header.capacity = shape.slots();
    header.profiles = DefaultConfig().profiles;
    header.default_profile.store(5);
    header.state.store(RegionState::kLive);
  }

  ~RegionOnDisk() { ::munmap(view_.base(), view_.layout().bytes); }

  RegionOnDisk(const RegionOnDisk&) = delete;
  RegionOnDisk& operator=(const RegionOnDisk&) = delete;

  [[nodiscard]] const RegionView& view() const noexcept { return view_; }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // What to set region_directory to.
  [[nodiscard]] const std::string& directory() const noexcept { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  std::string path_;
  RegionView view_;
};

}  // namespace flatline
