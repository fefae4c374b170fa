// Any text as a roster to import, CSV or JSON lines: nothing is written where it is faulty, unless
// bad lines are to be skipped; what is written opens, and every endpoint is found in it by its id
// and by its name, with labels that count its members. The first byte says whether to skip.
#include "control/roster/roster.h"
#include "control/roster/roster_load.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/temporary_directory.h"

#include <flatline/check.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace flatline {
namespace {

std::expected<ProfileId, std::string> ProfileNamed(std::string_view name) {
  if (name == "node") {
    return ProfileId{5};
  }
  return std::unexpected("there is node");
}

void CheckRoster(const Roster& roster, const RosterTotals& totals) {
  FLATLINE_CHECK(roster.size() == totals.endpoints && roster.pairs() == totals.pairs);
  std::uint64_t named = 0;
  std::uint64_t labels = 0;
  for (Roster::Ordinal at = 0; at < roster.size(); ++at) {
    FLATLINE_CHECK(roster.id(at) != kNoEndpoint && roster.Find(roster.id(at)) == at);
    labels += roster.labels(at).size();
    if (const std::string_view name = roster.name(at); !name.empty()) {
      ++named;
      FLATLINE_CHECK(!ReadsAsIds(name) && roster.IdOf(name) == roster.id(at));
    }
    for (const Roster::Pair pair : roster.labels(at)) {
      FLATLINE_CHECK(std::ranges::binary_search(roster.members(pair), at));
      FLATLINE_CHECK(roster.FindPair(roster.KeyOf(pair), roster.value(pair)) == pair);
    }
  }
  FLATLINE_CHECK(named == totals.named && labels == totals.labels);
  for (const Group group : roster.named_groups()) {
    FLATLINE_CHECK(roster.FindGroup(roster.GroupName(group)) == group);
  }
}

void CheckFaults(const RosterOutcome& outcome) {
  FLATLINE_CHECK(outcome.faults.size() <= outcome.fault_count);
  FLATLINE_CHECK(outcome.faults.empty() == (outcome.fault_count == 0));
  FLATLINE_CHECK(std::ranges::is_sorted(outcome.faults, {}, &RosterFault::line));
  FLATLINE_CHECK(std::ranges::none_of(outcome.faults, [](const RosterFault& fault) {
    return fault.cause.empty() || fault.line == 0;
  }));
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  static const TemporaryDirectory place;
  const std::string path = place.Path("roster");
  std::filesystem::remove(path);
  FuzzInput input(data, size);
  RosterLoad how;
  how.skip_bad = input.Take<std::uint8_t>() % 2 != 0;
  how.profiles = ProfileNamed;
  const RosterText text = RosterText::Of(input.Text());
  const auto outcome = LoadRoster(text.text(), how, path);
  FLATLINE_CHECK(outcome.has_value());
  CheckFaults(*outcome);
  FLATLINE_CHECK(outcome->is_written || outcome->fault_count != 0);
  FLATLINE_CHECK(!outcome->is_written || outcome->fault_count == 0 || how.skip_bad);
  FLATLINE_CHECK(outcome->is_written == std::filesystem::exists(path));
  if (outcome->is_written) {
    const auto roster = Roster::Open(path);
    FLATLINE_CHECK(roster.has_value() && *roster != nullptr);
    CheckRoster(**roster, outcome->totals);
  }
  return 0;
}
