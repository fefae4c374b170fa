// Any text as the generator's scenario: every line of a refusal names the file; what is taken and
// is not too large unfolds into orders in time order, for endpoints that there are.
#include "bench/generator/plan.h"
#include "bench/generator/scenario.h"
#include "bench/generator/scenario_file.h"

#include <flatline/check.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <string_view>

namespace flatline::generator {
namespace {

constexpr std::uint64_t kMostToUnfold = 2000;  // endpoints that the fuzzer waits for

void CheckPlan(const Scenario& scenario) {
  const Fleet fleet = MakeFleet(scenario);
  const Plan plan(scenario.events, fleet);
  FLATLINE_CHECK(std::ranges::is_sorted(plan.orders(), {}, &Order::at));
  FLATLINE_CHECK(std::ranges::all_of(
      plan.orders(), [&](const Order& order) { return order.index < fleet.size(); }));
}

}  // namespace
}  // namespace flatline::generator

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline::generator;  // NOLINT(google-build-using-namespace): C entry point
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto scenario = ParseScenario(text, "fuzz");
  if (!scenario) {
    FLATLINE_CHECK(!scenario.error().empty());
    for (const auto line : std::views::split(scenario.error(), '\n')) {
      FLATLINE_CHECK(std::string_view(line.begin(), line.end()).starts_with("fuzz:"));
    }
    return 0;
  }
  const auto valid = ValidateScenario(*scenario);
  if (!valid) {
    FLATLINE_CHECK(!valid.error().empty() && !valid.error().contains('\n'));
    return 0;
  }
  std::uint64_t endpoints = 0;
  for (const Cohort& cohort : scenario->cohorts) {
    endpoints += std::min<std::uint64_t>(cohort.endpoints, kMostToUnfold + 1);
  }
  if (endpoints <= kMostToUnfold) {
    CheckPlan(*scenario);
  }
  return 0;
}
