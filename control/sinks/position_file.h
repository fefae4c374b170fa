// How far a sink has come, on the disk: what was taken, and up to where the batch reaches that may
// have been taken without our hearing of it. Used by the sink's main. Replaced as a whole and
// synced, so a crash leaves the old or the new. Refuses a file that it did not write.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace flatline::sinks {

struct Position {
  std::uint64_t taken = 0;    // everything up to here is where it should be
  std::uint64_t offered = 0;  // last of the batch that was being offered; up to `taken`: none

  bool operator==(const Position&) const = default;
};

[[nodiscard]] std::string PrintPosition(const Position& position);
[[nodiscard]] std::optional<Position> ParsePosition(std::string_view text);

class PositionFile {
 public:
  explicit PositionFile(std::string path) : path_(std::move(path)) {}

  // Nothing: there is no file yet.
  [[nodiscard]] std::expected<std::optional<Position>, std::string> Load() const;
  [[nodiscard]] std::expected<void, std::string> Save(const Position& position) const;

 private:
  std::string path_;
};

}  // namespace flatline::sinks
