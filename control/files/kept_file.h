// A small file that is kept through a mapping, so that what was written outlives a kill of the
// process without a system call: of a fixed size, with its room on the disk taken at once, so that
// no write can find the disk full. Used at start, by the parts of control that remember. Errors are
// one line.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace flatline {

class KeptFile {
 public:
  // Made if need be, then all zero; `purpose` is for the error.
  [[nodiscard]] static std::expected<KeptFile, std::string> Open(const std::string& path,
                                                                 std::size_t bytes,
                                                                 std::string_view purpose);

  KeptFile(KeptFile&& other) noexcept;
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;
  ~KeptFile();

  // Of a type that any bytes are a value of.
  template <typename T>
  [[nodiscard]] T* As() const noexcept {
    return static_cast<T*>(at_);
  }

 private:
  KeptFile(int descriptor, void* at, std::size_t bytes) noexcept
      : descriptor_(descriptor), at_(at), bytes_(bytes) {}

  int descriptor_;
  void* at_;
  std::size_t bytes_;
};

}  // namespace flatline
