#include "control/sinks/position_file.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

namespace flatline::sinks {
namespace {

constexpr std::string_view kHead = "flatline-sink 1 taken ";
constexpr std::string_view kMiddle = " offered ";

std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return out;
}

bool TakeWord(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) {
    return false;
  }
  text.remove_prefix(word.size());
  return true;
}

std::string Trouble(const std::string& path) {
  return fmt::format(
      "{}: needed to keep the sink's position there, found: {}; give the directory "
      "to the user that runs the sink, and room",
      path,
      std::generic_category().message(errno));
}

bool WriteAndSync(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (file < 0) {
    return false;
  }
  errno = ENOSPC;  // what a write that stops halfway does not say
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fdatasync(file) == 0;
  return ::close(file) == 0 && written;
}

void SyncDirectoryOf(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const int directory =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

}  // namespace

std::string PrintPosition(const Position& position) {
  return fmt::format("{}{}{}{}\n", kHead, position.taken, kMiddle, position.offered);
}

std::optional<Position> ParsePosition(std::string_view text) {
  if (!TakeWord(text, kHead)) {
    return std::nullopt;
  }
  const auto taken = TakeNumber(text);
  if (!taken || !TakeWord(text, kMiddle)) {
    return std::nullopt;
  }
  const auto offered = TakeNumber(text);
  if (!offered || text != "\n") {
    return std::nullopt;
  }
  return Position{.taken = *taken, .offered = *offered};
}

std::expected<std::optional<Position>, std::string> PositionFile::Load() const {
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    return std::unexpected(Trouble(path_));
  }
  std::array<char, 128> buffer{};
  const ssize_t size = ::read(file, buffer.data(), buffer.size());
  ::close(file);
  const auto parsed =
      ParsePosition(std::string_view(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0));
  if (!parsed) {
    return std::unexpected(
        fmt::format("{}: needed a sink's position, found something else; name another file, or "
                    "remove this one and say where to begin with --from",
                    path_));
  }
  return parsed;
}

std::expected<void, std::string> PositionFile::Save(const Position& position) const {
  const std::string fresh = path_ + ".new";
  if (!WriteAndSync(fresh, PrintPosition(position)) ||
      ::rename(fresh.c_str(), path_.c_str()) != 0) {
    return std::unexpected(Trouble(path_));
  }
  SyncDirectoryOf(path_);
  return {};
}

}  // namespace flatline::sinks
