#include "control/keys/guarded_file.h"

#include <cerrno>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace flatline {

std::expected<void, std::string> CheckGuarded(const std::string& path,
                                              int file,
                                              const Secret& secret) {
  struct stat found{};
  if (::fstat(file, &found) != 0) {
    return std::unexpected(fmt::format("{}: needed {}, found: {}; see that it can be read",
                                       path,
                                       secret.what,
                                       std::generic_category().message(errno)));
  }
  if (!S_ISREG(found.st_mode)) {
    return std::unexpected(fmt::format(
        "{}: needed {}, found what is no regular file; {}", path, secret.what, secret.remedy));
  }
  if ((found.st_mode & 077U) != 0) {
    return std::unexpected(
        fmt::format("{}: needed {} that its owner alone may read, found mode {:04o}; "
                    "`chmod 0400` it, and take it for known to others since",
                    path,
                    secret.what,
                    found.st_mode & 07777U));
  }
  if (found.st_uid != 0 && found.st_uid != ::geteuid()) {
    return std::unexpected(
        fmt::format("{}: needed {} of this user or of root, found one of user {}; `chown` it",
                    path,
                    secret.what,
                    found.st_uid));
  }
  return {};
}

}  // namespace flatline
