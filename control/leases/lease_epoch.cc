#include <flatline/crc32c.h>
#include <flatline/lease.h>
#include <flatline/lease_epoch.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::size_t kLongestFile = 256;
constexpr const char* kRemedy =
    "nothing is granted without it: `flatline lease begin` makes one; where leases were granted "
    "before, give it --above with the highest token that anybody has seen";

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}

  File(const File&) = delete;
  File& operator=(const File&) = delete;

  ~File() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::unexpected<std::string> Trouble(const std::string& path,
                                     const char* needed,
                                     const char* what) {
  const int error = errno;
  return std::unexpected(fmt::format(
      "{}: needed {}, found: {}; {}", path, needed, std::generic_category().message(error), what));
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::string Print(const LeaseEpoch& epoch) {
  const std::string body = fmt::format("flatline lease epoch {}, terms up to {} ms, crc ",
                                       epoch.epoch,
                                       epoch.longest.count() / kMillisecond);
  return fmt::format("{}{:08x}\n", body, Crc32c(std::as_bytes(std::span(body))));
}

// The number behind a word, which is taken off the text.
std::optional<std::uint64_t> TakeNumber(std::string_view& text, std::string_view word) {
  std::uint64_t out = 0;
  if (!text.starts_with(word)) {
    return std::nullopt;
  }
  text.remove_prefix(word.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return out;
}

// Only what prints as it stands there counts, to the last digit of its checksum.
std::optional<LeaseEpoch> Parse(std::string_view text) {
  constexpr std::uint64_t kMostMilliseconds = std::uint64_t{1} << 32;
  std::string_view rest = text;
  const auto epoch = TakeNumber(rest, "flatline lease epoch ");
  const auto longest = TakeNumber(rest, ", terms up to ");
  if (!epoch || !longest || *epoch > kMostLeaseEpoch || *longest > kMostMilliseconds) {
    return std::nullopt;
  }
  const LeaseEpoch out{.epoch = *epoch,
                       .longest = Duration{static_cast<std::int64_t>(*longest) * kMillisecond}};
  return Print(out) == text ? std::optional(out) : std::nullopt;
}

std::expected<void, std::string> Sync(const std::string& path, int file) {
  if (::fsync(file) != 0) {
    return Trouble(path, "it on the disk", "see to the disk");
  }
  return {};
}

// To the disk under a name of its own, then under the name that counts.
std::expected<void, std::string> Write(const std::string& path,
                                       const std::string& fresh,
                                       const std::string& text,
                                       bool replaces) {
  const char* const remedy = "see that this user may write the directory";
  const std::string directory = DirectoryOf(path);
  ::unlink(fresh.c_str());  // of one that was killed
  const File file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640));
  const File parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat owner{};
  if (file.get() < 0 || parent.get() < 0 || ::fstat(parent.get(), &owner) != 0) {
    return Trouble(fresh, "to write the epoch of leases", remedy);
  }
  if (::geteuid() == 0 && ::fchown(file.get(), owner.st_uid, owner.st_gid) != 0) {
    return Trouble(fresh, "to give it to the directory's owner", remedy);
  }
  errno = ENOSPC;  // what a write that stops halfway does not say
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Trouble(fresh, "to write the epoch of leases", "make room on the disk");
  }
  if (auto synced = Sync(fresh, file.get()); !synced) {
    return synced;
  }
  const bool named = replaces ? ::rename(fresh.c_str(), path.c_str()) == 0
                              : ::link(fresh.c_str(), path.c_str()) == 0;
  if (!named) {
    return errno == EEXIST
               ? std::unexpected(path +
                                 ": needed a path with nothing there, found a file; the epoch of "
                                 "leases is never begun anew: remove it yourself, if you mean it")
               : Trouble(path, "to write the epoch of leases", remedy);
  }
  return Sync(directory, parent.get());
}

std::expected<void, std::string> WriteAndTidy(const std::string& path,
                                              const LeaseEpoch& epoch,
                                              bool replaces) {
  const std::string fresh = path + ".new";
  auto out = Write(path, fresh, Print(epoch), replaces);
  ::unlink(fresh.c_str());
  return out;
}

}  // namespace

std::expected<LeaseEpoch, std::string> ReadLeaseEpoch(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) {
    return Trouble(path, "the epoch of leases", kRemedy);
  }
  std::array<char, kLongestFile> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size < 0) {
    return Trouble(path, "the epoch of leases", kRemedy);
  }
  const auto out = Parse({text.data(), static_cast<std::size_t>(size)});
  if (!out) {
    return std::unexpected(
        fmt::format("{}: needed one whole line with the epoch of leases, found something else; it "
                    "is damaged: {}",
                    path,
                    kRemedy));
  }
  return *out;
}

std::expected<void, std::string> WriteLeaseEpoch(const std::string& path, const LeaseEpoch& epoch) {
  return WriteAndTidy(path, epoch, true);
}

std::expected<void, std::string> BeginLeaseEpoch(const std::string& path, const LeaseEpoch& epoch) {
  return WriteAndTidy(path, epoch, false);
}

}  // namespace flatline
