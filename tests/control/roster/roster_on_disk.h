// A directory that goes with its test, and rosters loaded into it from text.
#pragma once

#include "control/roster/roster.h"
#include "control/roster/roster_load.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace flatline {

class RosterOnDisk {
 public:
  RosterOnDisk() {
    std::string path = (std::filesystem::temp_directory_path() / "roster-XXXXXX").string();
    directory_ = ::mkdtemp(path.data());
  }

  ~RosterOnDisk() { std::filesystem::remove_all(directory_); }

  RosterOnDisk(const RosterOnDisk&) = delete;
  RosterOnDisk& operator=(const RosterOnDisk&) = delete;

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

  [[nodiscard]] std::string path() const { return (directory_ / "roster").string(); }

  // "node" is profile 5; there is no other.
  [[nodiscard]] RosterOutcome Load(std::string_view text, bool skip_bad = false) const {
    RosterLoad how;
    how.skip_bad = skip_bad;
    how.profiles = [](std::string_view name) -> std::expected<ProfileId, std::string> {
      if (name == "node") {
        return ProfileId{5};
      }
      return std::unexpected("there is node");
    };
    const RosterText kept = RosterText::Of(text);
    auto out = LoadRoster(kept.text(), how, path());
    EXPECT_TRUE(out) << out.error();
    return out.value_or(RosterOutcome{});
  }

  [[nodiscard]] std::shared_ptr<const Roster> Loaded(std::string_view text) const {
    const RosterOutcome outcome = Load(text);
    EXPECT_TRUE(outcome.is_written)
        << (outcome.faults.empty() ? std::string("?") : outcome.faults.front().cause);
    return Opened();
  }

  [[nodiscard]] std::shared_ptr<const Roster> Opened() const {
    auto out = Roster::Open(path());
    EXPECT_TRUE(out) << out.error();
    return out.value_or(nullptr);
  }

 private:
  std::filesystem::path directory_;
};

}  // namespace flatline
