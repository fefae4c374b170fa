// A region left by anybody, adopted by a dataplane: refused in one line, or the table is sound as
// soon as the engine is made and stays so for as long as it turns, and nobody is told of what
// cannot be.
#include "tests/fuzz/region_image.h"

#include <flatline/check.h>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const SmallRegion region;
  const auto shape = Replace(region, input);
  if (!shape || *shape != SmallRegion::kShape) {
    return 0;
  }
  UpdateRegion(region.view(), SmallRegion::config());
  SmallEngine engine(region.view());
  if (!engine.refusal().empty()) {
    FLATLINE_CHECK(!engine.refusal().contains('\n'));
    return 0;
  }
  CheckTable(region.view());
  for (int turn = 0; turn < 8; ++turn) {
    engine.Beat(0, {.id = 3, .incarnation = 2, .sequence = 1U + static_cast<unsigned>(turn)});
    engine.Turn(Milliseconds(turn % 2 == 0 ? 5 : 300));
    CheckTable(region.view());
  }
  return 0;
}
