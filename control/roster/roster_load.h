// A roster file out of a file that people or programs write: read in pieces on all cores, checked,
// written. Called by `flatline roster load`; nothing of control's is touched but the file, which
// control takes up by itself. All or nothing, unless bad lines are to be skipped. Bounds: what
// memory holds: the text, and about 80 bytes for each endpoint. Cost: about a second for a million
// endpoints at most.
#pragma once

#include "control/roster/roster_batch.h"
#include "control/roster/roster_writer.h"

#include <cstdint>
#include <expected>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

enum class RosterFormat : std::uint8_t { kCsv, kJsonLines };

// What the text is by its first character: an object begins with a brace.
[[nodiscard]] RosterFormat FormatOf(std::string_view text) noexcept;

struct RosterLoad {
  ProfileByName profiles{};
  bool skip_bad = false;
  // Told now and then, from any thread, one call at a time: "read", "ordered", "written", and how
  // much of it.
  std::function<void(std::string_view step, std::uint64_t done, std::uint64_t of)> progress{};
};

struct RosterOutcome {
  RosterTotals totals{};
  std::uint64_t fault_count = 0;
  std::vector<RosterFault> faults{};  // the first ones, by line
  bool is_written = false;
};

// The whole of a file, or of a stream, with readable bytes behind it.
class RosterText {
 public:
  [[nodiscard]] static std::expected<RosterText, std::string> OfFile(const std::string& path);
  [[nodiscard]] static RosterText Of(std::istream& in);
  [[nodiscard]] static RosterText Of(std::string_view text);

  [[nodiscard]] std::string_view text() const noexcept;

 private:
  std::string bytes_;
};

// The error is none of a line's: a disk that is full, a directory that is not there.
[[nodiscard]] std::expected<RosterOutcome, std::string> LoadRoster(std::string_view text,
                                                                   const RosterLoad& load,
                                                                   const std::string& path);

}  // namespace flatline
