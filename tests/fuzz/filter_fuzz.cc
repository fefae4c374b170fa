// Any text as a filter: it is refused with a column within it, or compiled, and then each record is
// wanted or not, the same one by one and together.
#include "control/filter/filter_program.h"
#include "control/filter/filter_text.h"

#include <flatline/check.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tree = ParseFilter(text);
  if (!tree) {
    FLATLINE_CHECK(tree.error().column >= 1 && tree.error().column <= size + 1);
    return 0;
  }
  const FilterProgram program(*tree, nullptr);
  std::array<DeliveryRecord, 32> records{};
  std::array<std::uint8_t, 32> wanted{};
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].kind = i % 2 == 0 ? RecordKind::kLiveness : RecordKind::kHealth;
    records[i].endpoint = i * 37;
    records[i].to = static_cast<std::uint8_t>(i % 7);
    records[i].group = static_cast<Group>(i);
    records[i].profile = static_cast<decltype(records[i].profile)>(i * 5);
  }
  program.Match(records, wanted);
  for (std::size_t i = 0; i < records.size(); ++i) {
    FLATLINE_CHECK((wanted[i] != 0) == program.Wants(records[i]));
    // A row passes over reason and change, so that none is lost that a change might concern.
    static_cast<void>(program.WantsRow(records[i]));
  }
  return 0;
}
