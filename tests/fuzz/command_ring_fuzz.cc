// Control's section as a hostile control may write it, any byte at any time, commands and indices,
// between turns of a dataplane that hears heartbeats meanwhile: the table stays sound, results stay
// within their ring, and no turn carries out more than its share.
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_engine.h"
#include "tests/fuzz/small_region.h"

#include <flatline/command_ring.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace flatline {
namespace {

constexpr int kMostSteps = 64;

void Push(FuzzInput& input, const RegionView& region) {
  Command command;
  command.id = input.Take<std::uint8_t>();
  command.profile = input.Take<std::uint8_t>();
  command.kind = static_cast<CommandKind>(input.Take<std::uint8_t>());
  const unsigned worker = ShardOf(HashEndpoint(command.id, SmallRegion::kHashKey), 2);
  SharedRing<Command> ring(region.control().command_heads[worker],
                           region.dataplane().command_tails[worker],
                           region.commands(worker));
  static_cast<void>(ring.TryPush(command));
}

// What control may write: from its section up to the dataplane's.
void Overwrite(FuzzInput& input, const SmallRegion& region) {
  const RegionLayout& layout = region.view().layout();
  const std::size_t at = input.Take<std::uint16_t>() % (layout.dataplane - layout.control);
  const auto bytes = input.Bytes(1 + input.Take<std::uint8_t>() % 64);
  const std::size_t size = std::min(bytes.size(), layout.dataplane - layout.control - at);
  std::memcpy(region.bytes().data() + layout.control + at, bytes.data(), size);
}

void CheckResults(const RegionView& region) {
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    for (const CommandResult& result : region.results(worker)) {
      FLATLINE_CHECK(result.status <= CommandStatus::kNoSuchOrder);
      FLATLINE_CHECK(result.slot == kNoSlot ||
                     (result.slot == 0 && result.status == CommandStatus{}) ||
                     result.slot / region.shape().slots_per_worker == worker);
    }
  }
}

// Carried out, and answered; by both workers.
std::uint64_t Commands(const RegionView& region) {
  return region.dataplane().counters[0][Counter::kCommands] +
         region.dataplane().counters[1][Counter::kCommands];
}

std::uint64_t Results(const RegionView& region) {
  return region.dataplane().result_heads[0].value.load() +
         region.dataplane().result_heads[1].value.load();
}

void Step(FuzzInput& input, const SmallRegion& region, SmallEngine& engine) {
  const RegionView& view = region.view();
  switch (input.Take<std::uint8_t>() % 4) {
    case 0:
      Push(input, view);
      return;
    case 1:
      Overwrite(input, region);
      return;
    case 2:
      engine.Beat(input.Take<std::uint8_t>(),
                  {.id = std::max<EndpointId>(1, input.Take<std::uint8_t>()),
                   .incarnation = 1,
                   .sequence = input.Take<std::uint8_t>(),
                   .profile = input.Take<std::uint8_t>()});
      return;
    default:
      break;
  }
  const std::uint64_t results = Results(view);
  engine.Turn(Milliseconds(1 + input.Take<std::uint8_t>()));
  // One of each worker's may wait for room among the results.
  FLATLINE_CHECK(Commands(view) - Results(view) <= view.shape().workers);
  FLATLINE_CHECK(Results(view) - results <= kCommandsAtOnce * view.shape().workers);
  CheckTable(view);
  CheckResults(view);
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const SmallRegion region;
  SmallEngine engine(region.view());
  for (int step = 0; step < kMostSteps && !input.empty(); ++step) {
    Step(input, region, engine);
  }
  return 0;
}
