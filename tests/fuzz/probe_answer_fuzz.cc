// Whatever comes back when flatline asks: answers to probes and echoes, to ARP and neighbour
// discovery, true ones, altered ones, repeated ones and any frames besides, at a dataplane that
// asks everybody. The table stays sound, what is asked are frames that hold, and who neither beats
// nor truly answers is dead. The first byte chooses how is asked, and whether by pulling alone.
#include "dataplane/prober.h"
#include "tests/dataplane/asked_host.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_engine.h"
#include "tests/fuzz/small_region.h"

#include <flatline/check.h>
#include <flatline/profile.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace flatline {
namespace {

using Bytes = std::vector<std::byte>;

constexpr IpAddress kUs4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1};
constexpr IpAddress kUs6{0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr IpAddress kThem{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 2};
constexpr EndpointId kFleet = 6;

Config ConfigOf(std::uint8_t how) {
  Config out = SmallRegion::config();
  Profile& asked = out.profiles[kFirstOwnProfile];
  asked = MakeProfile("asked", Milliseconds(100), 3, Milliseconds(100));
  asked.probe = how % 2 == 0 ? ProbeKind::kNative : ProbeKind::kEcho;
  asked.probes = 3;
  asked.pull = how / 2 % 2;
  out.dataplane.default_profile = kFirstOwnProfile;
  out.guard.fleet_share_ppm = 0;
  return out;
}

AskedHost HostOf(EndpointId id) {
  FlatlineAgent agent{};
  agent.id = id;
  agent.incarnation = 1;
  return {agent,
          {.mac = {2, 0, 0, 0, 0, 2},
           .udp_port = 40000,
           .promiscuous = false,
           .addresses = {kThem},
           .gateways = {}}};
}

std::optional<Bytes> AnswerTo(const Bytes& asked) {
  for (EndpointId id = 1; id <= kFleet; ++id) {
    if (auto answer = HostOf(id).Answer(asked)) {
      return answer;
    }
  }
  return std::nullopt;
}

// What was asked, and what of it was answered; an answer as the input alters it.
class Asked {
 public:
  void Note(const SmallEngine& engine) {
    for (unsigned worker = 0; worker < SmallRegion::kShape.workers; ++worker) {
      FLATLINE_CHECK(engine.sent(worker).size() <= 2 * kProbesPerTurn);
      for (const Bytes& frame : engine.sent(worker)) {
        FLATLINE_CHECK(frame.size() >= 60 && frame.size() <= kReplyRoom);
        if (auto answer = AnswerTo(frame)) {
          answers_.push_back(std::move(*answer));
        }
      }
    }
  }

  // Any that came so far, altered in up to three places; nothing where there is none.
  [[nodiscard]] std::optional<Bytes> Take(FuzzInput& input) const {
    const auto which = input.Take<std::uint8_t>();
    const auto changes = input.Take<std::uint8_t>();
    if (answers_.empty()) {
      return std::nullopt;
    }
    Bytes out = answers_[answers_.size() - 1 - which % std::min<std::size_t>(16, answers_.size())];
    for (int i = 0; i < changes % 4; ++i) {
      out[input.Take<std::uint8_t>() % out.size()] ^= input.Take<std::byte>();
    }
    if (changes >= 128 && out[12] == std::byte{0x08} && out[13] == std::byte{} &&
        out[23] == std::byte{17}) {
      out[40] = out[41] = std::byte{};  // UDP without a checksum: what was altered is looked at
    }
    return out;
  }

 private:
  std::vector<Bytes> answers_;
};

void LiveThrough(FuzzInput& input, SmallEngine& engine, Asked& asked, const RegionView& region) {
  for (int step = 0; step < 200 && !input.empty(); ++step) {
    const auto what = input.Take<std::uint8_t>();
    const unsigned worker = what / 8 % 2;
    switch (what % 8) {
      case 0:
        engine.Beat(worker,
                    {.id = 1U + what / 16 % kFleet,
                     .incarnation = 1,
                     .sequence = static_cast<std::uint32_t>(step + 1)});
        break;
      case 1: {
        const auto bytes = input.Bytes(64);
        engine.Take(worker, Bytes(bytes.begin(), bytes.end()));
        break;
      }
      case 2:
      case 3:
      case 4:
        if (auto answer = asked.Take(input)) {
          engine.Take(worker, std::move(*answer));
        }
        break;
      default:
        engine.Turn(Milliseconds(1 + what / 8));
        asked.Note(engine);
    }
    CheckTable(region);
  }
}

// Nobody speaks any more, and nothing that was said keeps anybody alive: in the time that any
// distance they can have made us believe in allows.
void CheckAllDie(SmallEngine& engine, const RegionView& region) {
  for (int i = 0; i < 400; ++i) {
    engine.Turn(Milliseconds(9));
  }
  for (const EndpointRecord& record : region.records()) {
    const auto state = EndpointState::Unpack(record.state.load());
    FLATLINE_CHECK(record.id.load() == kNoEndpoint || state.liveness == Liveness::kDead ||
                   state.liveness == Liveness::kLeft);
  }
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const PlainRegion region(ConfigOf(input.Take<std::uint8_t>()), SmallRegion::kHashKey);
  SmallEngine engine(region.view(), {.probe_key = {3, 4}}, {kUs4, kUs6});
  FLATLINE_CHECK(engine.refusal().empty());
  for (EndpointId id = 1; id <= kFleet; ++id) {
    engine.Beat(static_cast<unsigned>(id), {.id = id, .incarnation = 1, .sequence = 1});
  }
  Asked asked;
  engine.Turn(Milliseconds(1));
  LiveThrough(input, engine, asked, region.view());
  CheckAllDie(engine, region.view());
  return 0;
}
