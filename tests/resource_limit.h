// Until the end of the scope this process may have no more of something than it is given here. For
// tests of what is told where the machine has run out.
#pragma once

#include <csignal>
#include <fcntl.h>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>

namespace flatline {

class ResourceLimit {
 public:
  ResourceLimit(int resource, rlim_t most) : resource_(resource) {
    rlimit limit{};
    ::getrlimit(resource_, &limit);
    before_ = limit.rlim_cur;
    limit.rlim_cur = most;
    if (::setrlimit(resource_, &limit) != 0) {
      throw std::runtime_error("needed a lower limit for this test, found none to be set");
    }
  }

  ResourceLimit(const ResourceLimit&) = delete;
  ResourceLimit& operator=(const ResourceLimit&) = delete;

  ~ResourceLimit() {
    rlimit limit{};
    ::getrlimit(resource_, &limit);
    limit.rlim_cur = before_;
    ::setrlimit(resource_, &limit);
  }

 private:
  int resource_;
  rlim_t before_ = 0;
};

// A write that crosses so many bytes of a file stops there, as it does on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes)
      : action_(std::signal(SIGXFSZ, SIG_IGN)), limit_(RLIMIT_FSIZE, bytes) {}

  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

  ~FileSizeLimit() { std::signal(SIGXFSZ, action_); }

 private:
  void (*action_)(int);
  ResourceLimit limit_;
};

// Nothing can be opened any more.
class NoDescriptors {
 public:
  NoDescriptors() : limit_(RLIMIT_NOFILE, Lowest()) {}

 private:
  static rlim_t Lowest() {
    const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest);
    return static_cast<rlim_t>(lowest);
  }

  ResourceLimit limit_;
};

}  // namespace flatline
