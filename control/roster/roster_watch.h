// The roster that control goes by: opened at the start, and again when the file was replaced. Used
// by Service, once a turn. A new file is checked on a thread of its own, for that takes a tenth of
// a second for ten millions. One that is damaged is told once, and the one before stays. Cost of a
// turn: nothing; a stat every kInterval.
#pragma once

#include "control/roster/roster.h"

#include <flatline/time.h>

#include <cstdint>
#include <expected>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace flatline {

class RosterWatch {
 public:
  static constexpr Duration kInterval{1'000'000'000};

  using Opened = std::expected<std::shared_ptr<const Roster>, std::string>;

  // No path: there is never one.
  explicit RosterWatch(std::string path) : path_(std::move(path)) {}

  // At once; null where there is none.
  [[nodiscard]] Opened Open();

  // What has come since, or nothing.
  [[nodiscard]] std::optional<Opened> Poll(Instant now);

 private:
  // Which file it is, and of when; all zero: none.
  struct Mark {
    std::uint64_t inode = 0;
    std::int64_t changed_ns = 0;

    bool operator==(const Mark&) const = default;
  };

  [[nodiscard]] Mark MarkNow() const;

  std::string path_;
  Mark mark_;
  Instant look_at_{};
  std::future<Opened> opening_;
};

}  // namespace flatline
