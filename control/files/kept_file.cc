#include "control/files/kept_file.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline {

std::expected<KeptFile, std::string> KeptFile::Open(const std::string& path,
                                                    std::size_t bytes,
                                                    std::string_view purpose) {
  const auto fail = [&] {
    return std::unexpected(fmt::format(
        "{}: needed a file for {}, found: {}; give the journal's directory to the user that runs "
        "flatline-control, or make room",
        path,
        purpose,
        std::generic_category().message(errno)));
  };
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return fail();
  }
  errno = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  void* const at = errno != 0
                       ? MAP_FAILED
                       : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (at == MAP_FAILED) {
    auto out = fail();
    ::close(descriptor);
    return out;
  }
  return KeptFile(descriptor, at, bytes);
}

KeptFile::KeptFile(KeptFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      at_(std::exchange(other.at_, nullptr)),
      bytes_(other.bytes_) {}

KeptFile::~KeptFile() {
  if (descriptor_ >= 0) {
    ::munmap(at_, bytes_);
    ::close(descriptor_);
  }
}

}  // namespace flatline
