#include "control/keys/guarded_file.h"

#include <flatline/master_key.h>
#include <flatline/wire.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace flatline {
namespace {

constexpr std::string_view kHead = "flatline-master-key-1 ";
constexpr char kContext[] = "flatline";  // NOLINT(modernize-avoid-c-arrays): eight bytes, no more
constexpr std::uint64_t kRootKey = 1;    // the only subkey there is
constexpr std::size_t kHex = std::size_t{2} * crypto_kdf_KEYBYTES;
constexpr std::size_t kLine = kHead.size() + kHex + 1;
constexpr const char* kMakeOne = "make one with `flatline key make`";

static_assert(sizeof kContext == crypto_kdf_CONTEXTBYTES + 1);

std::unexpected<std::string> Trouble(const std::string& path, const char* remedy) {
  return std::unexpected(fmt::format("{}: needed a master key, found: {}; {}",
                                     path,
                                     errno == ELOOP ? "a symbolic link, which is not followed"
                                                    : std::generic_category().message(errno),
                                     remedy));
}

// What to do about a file that cannot be read as a key.
const char* RemedyFor(const std::string& path) {
  return path.ends_with(PreviousKeyPath("")) ? "it is the key of before the rotation: put it back, "
                                               "or end the rotation with `flatline key retire`"
                                             : kMakeOne;
}

// Closes at the end of the scope, and wipes what was read.
struct Reading {
  int file = -1;
  std::array<char, kLine + 1> line{};

  explicit Reading(int opened) noexcept : file(opened) {}

  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  ~Reading() {
    ::sodium_memzero(line.data(), line.size());
    if (file >= 0) {
      ::close(file);
    }
  }
};

unsigned char* NewSecret() noexcept {
  return ::sodium_init() < 0 ? nullptr
                             : static_cast<unsigned char*>(::sodium_malloc(crypto_kdf_KEYBYTES));
}

std::expected<void, std::string> WriteKey(const std::string& path, int file) {
  std::array<unsigned char, crypto_kdf_KEYBYTES> secret{};
  std::array<char, kHex + 1> hex{};
  ::crypto_kdf_keygen(secret.data());
  ::sodium_bin2hex(hex.data(), hex.size(), secret.data(), secret.size());
  std::string line;
  line.reserve(kLine);
  line.append(kHead).append(hex.data(), kHex).append("\n");
  errno = ENOSPC;  // what a write that stops halfway does not say
  const bool written =
      ::write(file, line.data(), line.size()) == static_cast<ssize_t>(kLine) && ::fsync(file) == 0;
  ::sodium_memzero(secret.data(), secret.size());
  ::sodium_memzero(hex.data(), hex.size());
  ::sodium_memzero(line.data(), line.size());
  if (!written) {
    return Trouble(path, "make room for 87 bytes");
  }
  return {};
}

}  // namespace

void MasterKey::Wipe::operator()(unsigned char* secret) const noexcept {
  ::sodium_free(secret);
}

std::expected<MasterKey, std::string> MasterKey::Load(const std::string& path) {
  Reading reading(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (reading.file < 0) {
    return Trouble(path, RemedyFor(path));
  }
  const Secret secret{.what = "a master key", .remedy = RemedyFor(path)};
  if (auto guarded = CheckGuarded(path, reading.file, secret); !guarded) {
    return std::unexpected(guarded.error());
  }
  const ssize_t size = ::read(reading.file, reading.line.data(), reading.line.size());
  MasterKey out(NewSecret());
  if (out.secret_ == nullptr) {
    return std::unexpected(path +
                           ": needed 32 bytes of locked memory for the master key, found "
                           "none; raise `ulimit -l`");
  }
  std::size_t bytes = 0;
  const bool is_ours = size == static_cast<ssize_t>(kLine) &&
                       std::memcmp(reading.line.data(), kHead.data(), kHead.size()) == 0 &&
                       reading.line[kLine - 1] == '\n' &&
                       ::sodium_hex2bin(out.secret_.get(),
                                        crypto_kdf_KEYBYTES,
                                        reading.line.data() + kHead.size(),
                                        kHex,
                                        nullptr,
                                        &bytes,
                                        nullptr) == 0 &&
                       bytes == crypto_kdf_KEYBYTES;
  if (!is_ours) {
    return std::unexpected(
        fmt::format("{}: needed one line, `{}` and {} hexadecimal digits, found something else; {}",
                    path,
                    kHead,
                    kHex,
                    RemedyFor(path)));
  }
  ::sodium_mprotect_readonly(out.secret_.get());
  return out;
}

std::expected<void, std::string> MasterKey::Make(const std::string& path) {
  if (::sodium_init() < 0) {
    return std::unexpected("needed random bytes from the kernel, found none");
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
  if (file < 0) {
    return errno == EEXIST
               ? std::unexpected(path +
                                 ": needed a path with nothing there, found a file; a key is "
                                 "never overwritten: `flatline key rotate` replaces one")
               : Trouble(path, "give a path in a directory that you may write");
  }
  auto written = WriteKey(path, file);
  ::close(file);
  if (!written) {
    ::unlink(path.c_str());
  }
  return written;
}

EndpointKey MasterKey::Derive(EndpointId id) const noexcept {
  static_assert(sizeof(EndpointKey) == crypto_shorthash_siphashx24_BYTES);
  EndpointKey root = Root();
  std::array<std::byte, sizeof id> wire{};
  wire::Store(wire.data(), id);
  EndpointKey out{};
  ::crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(wire.data()),
                                wire.size(),
                                reinterpret_cast<const unsigned char*>(root.data()));
  ::sodium_memzero(root.data(), root.size());
  return out;
}

EndpointKey MasterKey::Root() const noexcept {
  static_assert(sizeof(EndpointKey) >= crypto_kdf_BYTES_MIN);
  EndpointKey out{};
  ::crypto_kdf_derive_from_key(
      reinterpret_cast<unsigned char*>(out.data()), out.size(), kRootKey, kContext, secret_.get());
  return out;
}

std::expected<void, std::string> RotateMasterKey(const std::string& path) {
  const std::string previous = PreviousKeyPath(path);
  const std::string fresh = path + ".new";
  if (::access(previous.c_str(), F_OK) == 0) {
    return std::unexpected(previous +
                           ": needed no earlier rotation under way, found its key; end "
                           "it with `flatline key retire` first");
  }
  if (auto present = MasterKey::Load(path); !present) {
    return std::unexpected(present.error());
  }
  ::unlink(fresh.c_str());  // of a rotation that was killed
  if (auto made = MasterKey::Make(fresh); !made) {
    return made;
  }
  // The old key has two names, then the new one takes the first: `path` is there at any instant.
  if (::link(path.c_str(), previous.c_str()) != 0) {
    return Trouble(previous, "see that the directory can be written");
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return Trouble(path, "see that the directory can be written");
  }
  return {};
}

std::expected<void, std::string> RetireMasterKey(const std::string& path) {
  const std::string previous = PreviousKeyPath(path);
  if (::unlink(previous.c_str()) != 0) {
    return Trouble(previous, "there is a previous key only after `flatline key rotate`");
  }
  return {};
}

}  // namespace flatline
