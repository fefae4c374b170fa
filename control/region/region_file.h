// The region as a process other than the dataplane sees it: its file opened, checked, and mapped,
// read-only for the tools, or with control's own section writable for control. Never locks and
// never waits, so it works beside a dataplane that hangs, and beside one that is gone. The mapping
// keeps the memory of a file that is replaced meanwhile: see IsReplaced. Cost: one mmap or three.
#pragma once

#include <flatline/region.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <sys/types.h>

namespace flatline {

class MappedRegion {
 public:
  enum class Access : std::uint8_t {
    kRead,     // everything read-only
    kControl,  // [layout.control, layout.dataplane) writable, the rest read-only
  };

  // The error is one line: what was needed, what was found, what to do.
  [[nodiscard]] static std::expected<MappedRegion, std::string> Open(const std::string& path,
                                                                     Access access);

  MappedRegion(MappedRegion&& other) noexcept;
  MappedRegion& operator=(MappedRegion&& other) noexcept;
  MappedRegion(const MappedRegion&) = delete;
  MappedRegion& operator=(const MappedRegion&) = delete;
  ~MappedRegion();

  // Valid as long as this object, also after a move.
  [[nodiscard]] const RegionView& view() const noexcept { return view_; }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // The name now stands for another file, or for none: a dataplane was started cold, or somebody
  // removed the region. What is mapped here will not change any more.
  [[nodiscard]] bool IsReplaced() const;

 private:
  MappedRegion(std::string path, std::byte* base, const RegionShape& shape) noexcept
      : path_(std::move(path)), view_(base, shape) {}

  std::string path_;
  RegionView view_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool owned_ = true;
};

}  // namespace flatline
