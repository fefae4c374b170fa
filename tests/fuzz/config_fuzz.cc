// Any text as the configuration: every line of a refusal names file, line and column; what is taken
// is sound in what the programs reckon with, and prints as a text that means the same.
#include <flatline/check.h>
#include <flatline/config.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <string>
#include <string_view>

namespace flatline {
namespace {

void CheckRefusal(std::string_view error) {
  FLATLINE_CHECK(!error.empty());
  for (const auto line : std::views::split(error, '\n')) {
    FLATLINE_CHECK(std::string_view(line.begin(), line.end()).starts_with("fuzz:"));
  }
}

void CheckSound(const Config& config) {
  const DataplaneConfig& dataplane = config.dataplane;
  FLATLINE_CHECK(dataplane.endpoints > 0);
  FLATLINE_CHECK(dataplane.workers > 0 && dataplane.workers <= kMaxWorkers);
  FLATLINE_CHECK(dataplane.cores.empty() || dataplane.cores.size() == dataplane.workers);
  FLATLINE_CHECK((dataplane.transition_ring & (dataplane.transition_ring - 1)) == 0);
  FLATLINE_CHECK(dataplane.transition_ring != 0 && dataplane.stall > Duration{});
  FLATLINE_CHECK(dataplane.default_profile < kMaxProfiles);
  FLATLINE_CHECK(config.profiles[dataplane.default_profile].in_use());
  FLATLINE_CHECK(config.control.segment % 4096 == 0 && config.control.segment > 0);
  FLATLINE_CHECK(config.control.publishers > 0 && config.control.subscribers > 0);
  FLATLINE_CHECK(!config.instance.empty() && !config.instance.contains('/'));
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = ParseConfig(text, "fuzz");
  if (!config) {
    CheckRefusal(config.error());
    return 0;
  }
  CheckSound(*config);
  const std::string printed = PrintConfig(*config);
  const auto again = ParseConfig(printed, "printed");
  FLATLINE_CHECK(again.has_value());
  FLATLINE_CHECK(PrintConfig(*again) == printed);
  return 0;
}
