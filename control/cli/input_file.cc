#include "control/cli/input_file.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace flatline::cli {

std::expected<std::ifstream, std::string> OpenInput(const std::string& path) {
  std::error_code ignored;
  std::ifstream out;
  errno = EISDIR;
  if (!std::filesystem::is_directory(path, ignored)) {
    out.open(path);
  }
  if (!out.is_open()) {
    return std::unexpected(path + ": needed a readable file, found " +
                           std::generic_category().message(errno) + "; name another");
  }
  return out;
}

}  // namespace flatline::cli
