// A directory that goes with its test, and rosters loaded into it from text.
#pragma once

#include "control/roster/roster.h"
#include "control/roster/roster_load.h"
#include "tests/temporary_directory.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace flatline {

class RosterOnDisk {
 public:
  [[nodiscard]] std::filesystem::path directory() const { return directory_.path(); }

  [[nodiscard]] std::string path() const { return directory_.Path("roster"); }

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
  TemporaryDirectory directory_;
};

}  // namespace flatline
