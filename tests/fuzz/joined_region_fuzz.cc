// A region left by anybody, looked at by those who join it: control's reader of the rings gives
// each worker's transitions in their order or says that the region is damaged; status, rows and
// their JSON come out whole, whatever is in it.
#include "control/cli/endpoint_row.h"
#include "control/cli/observation.h"
#include "control/cli/oddities.h"
#include "control/cli/record_text.h"
#include "control/cli/said.h"
#include "control/cli/status_text.h"
#include "control/region/transition_reader.h"
#include "tests/fuzz/region_image.h"

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace flatline {
namespace {

constexpr Instant kNow{Milliseconds(60'000)};
constexpr cli::Clocks kClocks{kNow, WallInstant{Duration{1'790'000'000'000'000'000}}};

void ReadRings(const RegionView& region) {
  TransitionReader reader(region);
  for (int round = 0; round < 8; ++round) {
    const auto told = reader.Read(kNow, 5);
    if (!told) {
      FLATLINE_CHECK(told.error().starts_with("worker ") && !told.error().contains('\n'));
      return;
    }
    std::array<std::optional<std::uint64_t>, kMaxWorkers> last{};
    for (const Told& one : *told) {
      FLATLINE_CHECK(one.worker < region.shape().workers);
      FLATLINE_CHECK(!last[one.worker] || one.position == *last[one.worker] + 1);
      last[one.worker] = one.position;
    }
    reader.Release(told->size());
  }
  for (unsigned worker = 0; worker < reader.workers(); ++worker) {
    static_cast<void>(reader.LastReleased(worker));
  }
}

// No byte of it that would move a cursor.
void TellWhatWasSaid(const RegionView& region, EndpointId id) {
  const auto said = cli::FindPayload(region, id);
  if (!said) {
    return;
  }
  FLATLINE_CHECK(said->id == id && said->words().size() <= kMostPayloadText);
  const std::string text = cli::SaidParagraph(*said, kClocks);
  FLATLINE_CHECK(std::ranges::none_of(
      text, [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7F; }));
  FLATLINE_CHECK(std::ranges::count(text, '\n') <= 2);
  FLATLINE_CHECK(!cli::JsonLine(cli::SaidJson(*said, kClocks)).contains('\n'));
}

void Tell(const RegionView& region) {
  const cli::Sampled sampled(region, kClocks);
  const cli::Observation seen = cli::Observe(region, "fuzz", kNow);
  FLATLINE_CHECK(seen.workers.size() == region.shape().workers);
  FLATLINE_CHECK(!cli::StatusText(seen, seen).empty());
  FLATLINE_CHECK(!cli::JsonLine(cli::StatusJson(seen, std::nullopt)).contains('\n'));
  FLATLINE_CHECK(cli::TopFrame(seen, seen, {.rows = 24, .columns = 80}).size() == 24);
  for (Slot slot = 0; slot < region.shape().slots(); ++slot) {
    const auto row = cli::ReadRow(region, slot, kNow);
    FLATLINE_CHECK(row.has_value() == (region.records()[slot].id.load() != kNoEndpoint));
    if (row) {
      FLATLINE_CHECK(!cli::RowText(*row).contains('\n') && !cli::RowParagraph(*row).empty());
      FLATLINE_CHECK(!cli::JsonLine(cli::RowJson(*row)).contains('\n'));
      TellWhatWasSaid(region, row->id);
    }
    static_cast<void>(cli::OddityText(cli::OdditiesIn(region, slot, sampled)));
  }
  const cli::OddityCounts counts = cli::CountOddities(region, kClocks);
  FLATLINE_CHECK(cli::OddityCountsText(counts).ends_with('\n'));
  for (const std::uint64_t count : counts.endpoints) {
    FLATLINE_CHECK(count <= region.shape().slots());
  }
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const SmallRegion region;
  const auto shape = Replace(region, input);
  if (shape) {
    const RegionView view(region.bytes().data(), *shape);
    Tell(view);
    ReadRings(view);
  }
  return 0;
}
