#include "control/sinks/signature.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace flatline::sinks {
namespace {

void Update(crypto_auth_hmacsha256_state& state, std::string_view text) {
  crypto_auth_hmacsha256_update(
      &state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
}

}  // namespace

std::string Sign(std::string_view secret,
                 std::int64_t unix_seconds,
                 std::string_view key,
                 std::string_view body) {
  crypto_auth_hmacsha256_state state{};
  crypto_auth_hmacsha256_init(
      &state, reinterpret_cast<const unsigned char*>(secret.data()), secret.size());
  Update(state, fmt::format("{}.{}.", unix_seconds, key));
  Update(state, body);
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> tag{};
  crypto_auth_hmacsha256_final(&state, tag.data());
  std::string out = "hmac-sha256=";
  for (const unsigned char byte : tag) {
    out += fmt::format("{:02x}", byte);
  }
  return out;
}

std::expected<std::string, std::string> ReadSecret(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return std::unexpected(fmt::format("{}: needed the secret there, found: {}; make the file",
                                       path,
                                       std::generic_category().message(errno)));
  }
  struct stat about{};
  std::array<char, 4096> buffer{};
  const bool is_known = ::fstat(file, &about) == 0;
  const ssize_t size = ::read(file, buffer.data(), buffer.size());
  ::close(file);
  if (!is_known || (about.st_mode & 0037U) != 0) {
    return std::unexpected(fmt::format(
        "{}: needed a file that only its owner (and group) can read, found mode {:03o}; chmod 0640",
        path,
        about.st_mode & 0777U));
  }
  std::string out(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) {
    out.pop_back();
  }
  if (out.size() < kLeastSecret || out.size() >= buffer.size() - 2) {
    return std::unexpected(
        fmt::format("{}: needed a secret of {} to 4000 bytes, found {}; openssl rand -hex 32",
                    path,
                    kLeastSecret,
                    out.size()));
  }
  return out;
}

}  // namespace flatline::sinks
