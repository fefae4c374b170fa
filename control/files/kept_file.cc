#include "control/files/kept_file.h"

#include "control/files/page_shield.h"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline {

// Where the file is written: its descriptor, and its bytes under the shield.
struct KeptFile::Mapping {
  explicit Mapping(int file) noexcept : descriptor(file) {}

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  ~Mapping() {
    if (at != nullptr) {
      page_shield::Unguard(ticket);
      ::munmap(at, bytes);
    }
    ::close(descriptor);
  }

  // Takes room for all of it, and maps that: 0, or an errno.
  [[nodiscard]] int Map(std::size_t size) {
    if (const int number = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size));
        number != 0) {
      return number;
    }
    void* const place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (place == MAP_FAILED) {
      return errno;
    }
    at = static_cast<std::byte*>(place);
    bytes = size;
    ticket = page_shield::Guard(at, bytes, descriptor, &lost);
    return 0;
  }

  int descriptor;
  std::byte* at = nullptr;
  std::size_t bytes = 0;
  std::size_t ticket = 0;
  std::atomic<std::uint64_t> lost{0};  // pages that are memory of this process alone since
};

namespace {

std::string TextOf(int number) {
  return std::generic_category().message(number);
}

}  // namespace

KeptFile::KeptFile(std::string path, std::size_t bytes, std::string_view purpose)
    : path_(std::move(path)),
      purpose_(purpose),
      bytes_(bytes),
      memory_((bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)) {}

KeptFile::KeptFile(KeptFile&& other) noexcept = default;

KeptFile::~KeptFile() = default;

std::expected<KeptFile, std::string> KeptFile::Open(const std::string& path,
                                                    std::size_t bytes,
                                                    std::string_view purpose) {
  KeptFile out(path, bytes, purpose);
  int number = out.Read();
  if (number == ENOENT) {
    number = out.MakeAnew();
  }
  if (number != 0) {
    return std::unexpected(fmt::format(
        "{}: needed a file for {}, found: {}; give the journal's directory to the user that runs "
        "flatline-control, or make room",
        path,
        purpose,
        TextOf(number)));
  }
  return out;
}

// What is there, into memory; 0, or an errno.
int KeptFile::Read() {
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    return errno;
  }
  mapping_ = std::make_unique<Mapping>(descriptor);
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) {
    return errno;
  }
  const auto found = static_cast<std::size_t>(status.st_size);
  if (const int number = mapping_->Map(bytes_); number != 0) {
    return number;
  }
  mapped_ = mapping_->at;
  std::memcpy(memory_.data(), mapped_, bytes_);
  if (found < bytes_) {
    spdlog::error(
        "{}: needed {} bytes of {}, found {}: somebody has cut it short; what was behind them is "
        "lost, and begins anew: look for what else was lost, and set that anew",
        path_,
        bytes_,
        purpose_,
        found);
  }
  return 0;
}

// Under another name first: whoever reads it finds all of it or what was there before.
int KeptFile::MakeAnew() {
  const std::string path = path_ + ".new";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return errno;
  }
  auto fresh = std::make_unique<Mapping>(descriptor);
  int number = fresh->Map(bytes_);
  if (number == 0) {
    std::memcpy(fresh->at, memory_.data(), bytes_);
    number = ::rename(path.c_str(), path_.c_str()) == 0 ? 0 : errno;
  }
  if (number != 0) {
    ::unlink(path.c_str());
    return number;
  }
  mapping_ = std::move(fresh);
  mapped_ = mapping_->at;
  return 0;
}

// What has become of the file, or nothing.
std::string KeptFile::Fault() const {
  struct stat ours{};
  struct stat named{};
  if (::fstat(mapping_->descriptor, &ours) != 0) {
    return TextOf(errno);
  }
  if (static_cast<std::size_t>(ours.st_size) < bytes_) {
    return fmt::format("{}, cut short by somebody", ours.st_size);
  }
  if (::stat(path_.c_str(), &named) != 0) {
    return errno == ENOENT ? "that somebody has removed it" : TextOf(errno);
  }
  if (named.st_ino != ours.st_ino || named.st_dev != ours.st_dev) {
    return "another file in its place";
  }
  const std::uint64_t lost = mapping_->lost.load(std::memory_order_relaxed);
  return lost == 0 ? "" : fmt::format("{} pages that the disk has lost", lost);
}

int KeptFile::Mend() {
  const std::string fault = Fault();
  if (fault.empty()) {
    is_told_ = false;
    return 0;
  }
  const int number = MakeAnew();
  if (number == 0) {
    is_told_ = false;
    spdlog::error(
        "{}: needed {} bytes of {}, found {}; made anew from memory, nothing is lost: leave the "
        "files in this directory to flatline-control",
        path_,
        bytes_,
        purpose_,
        fault);
  } else if (!std::exchange(is_told_, true)) {
    spdlog::error(
        "{}: needed {} bytes of {}, found {}; it cannot be made anew: {}; control goes on from "
        "memory, and what it changes is lost with it: make room, or mend the disk",
        path_,
        bytes_,
        purpose_,
        fault,
        TextOf(number));
  }
  return number;
}

void KeptFile::SayTorn(std::size_t entries) const {
  if (entries != 0) {
    spdlog::error(
        "{}: needed whole entries of {}, found {} that are torn; they count as not there: look at "
        "the disk, and set anew what they were for",
        path_,
        purpose_,
        entries);
  }
}

}  // namespace flatline
