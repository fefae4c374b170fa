#include "control/roster/roster_output.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

std::unexpected<std::string> Fail(const std::string& path, const std::string& what, int number) {
  return std::unexpected(
      fmt::format("{}: cannot {}: {}", path, what, std::generic_category().message(number)));
}

std::string DirectoryOf(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

}  // namespace

std::expected<RosterOutput, std::string> RosterOutput::Create(const std::string& path,
                                                              std::size_t bytes) {
  const std::string directory = DirectoryOf(path);
  const int descriptor = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Fail(directory, "write here", errno);
  }
  RosterOutput out(path, descriptor);
  // Taken at once, so that a full disk is an error here and not a signal later.
  if (const int number = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes)); number != 0) {
    return Fail(path, fmt::format("take {} bytes", bytes), number);
  }
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) {
    return Fail(path, "map", errno);
  }
  out.bytes_ = {static_cast<std::byte*>(mapped), bytes};
  return out;
}

RosterOutput::RosterOutput(RosterOutput&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(std::exchange(other.bytes_, {})) {}

RosterOutput::~RosterOutput() {
  if (!bytes_.empty()) {
    ::munmap(bytes_.data(), bytes_.size());
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::expected<void, std::string> RosterOutput::Finish() {
  if (::fsync(descriptor_) != 0) {
    return Fail(path_, "sync", errno);
  }
  // A link cannot take the place of a file, a rename can; control reads it, whoever writes it.
  ::fchmod(descriptor_, 0644);
  const std::string beside = fmt::format("{}.{}", path_, ::getpid());
  const std::string self = fmt::format("/proc/self/fd/{}", descriptor_);
  ::unlink(beside.c_str());
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, beside.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return Fail(beside, "link", errno);
  }
  if (std::rename(beside.c_str(), path_.c_str()) != 0) {
    const int number = errno;
    ::unlink(beside.c_str());
    return Fail(path_, "replace", number);
  }
  const int directory = ::open(DirectoryOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_synced = directory >= 0 && ::fsync(directory) == 0;
  const int number = errno;
  if (directory >= 0) {
    ::close(directory);
  }
  return is_synced ? std::expected<void, std::string>{} : Fail(path_, "sync the directory", number);
}

}  // namespace flatline
