// A file in the making: nameless, of a size fixed at the start, mapped to be filled by any number
// of threads, then given its name at once. Used by RosterWriter. Goes without a trace where it is
// not finished, or its process is killed.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>

namespace flatline {

class RosterOutput {
 public:
  // Takes all the room; the directory must be there. Zeroes at first.
  [[nodiscard]] static std::expected<RosterOutput, std::string> Create(const std::string& path,
                                                                       std::size_t bytes);
  ~RosterOutput();
  RosterOutput(RosterOutput&& other) noexcept;
  RosterOutput& operator=(RosterOutput&&) = delete;
  RosterOutput(const RosterOutput&) = delete;
  RosterOutput& operator=(const RosterOutput&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

  // On the disk, and in the place of what had the name before.
  [[nodiscard]] std::expected<void, std::string> Finish();

 private:
  RosterOutput(std::string path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
  std::span<std::byte> bytes_;
};

}  // namespace flatline
