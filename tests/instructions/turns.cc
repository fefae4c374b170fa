// What the instruction gate counts: turns of a real worker over a small fleet, fed from memory in
// place of a NIC, with invented time. `turns SCENE` plays one scene and prints how many units it
// was made of; callgrind collects only inside MeasuredTurn, so neither the making of frames nor
// what leads up to a scene is in the count. Everything is fixed: ids, order, hash key, instants.
//
//   index      heartbeats found by the index             unit: a heartbeat
//   handle     the same, with handles                    unit: a heartbeat
//   thorough   by the index, with a payload, so that     unit: a heartbeat
//              the fast path leaves them
//   phi_index, phi_handle   as the first two, in a       unit: a heartbeat
//              profile that judges by the history
//   visits     all alive, nobody speaks just now         unit: a block visited
//   deaths     all silent until all are dead             unit: a transition
//
// `turns SCENE planted` does needless work in each turn: the canary, which the gate must notice.
#include "bench/fleet_source.h"
#include "dataplane/engine.h"
#include "dataplane/shared_region.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/region.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace flatline {
namespace {

constexpr std::uint64_t kEndpoints = 10'000;
constexpr int kRounds = 5;
constexpr ProfileId kProfile = 2;                   // database: 3 s
constexpr ProfileId kByHistory = kFirstOwnProfile;  // the same interval, phi
constexpr Duration kBetweenBursts{5'000};           // 5 µs
constexpr Duration kIdle = Milliseconds(5);         // below the stall, or it would be blind time
constexpr Duration kSecond = Milliseconds(1'000);
constexpr unsigned kPlantedSteps = 2'000;
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): so that no compiler drops it
volatile std::uint64_t planted_work = 0;

}  // namespace

// Work that nobody asked for.
extern "C" [[gnu::noinline]] void PlantedWork() {
  for (unsigned i = 0; i < kPlantedSteps; ++i) {
    planted_work = planted_work + i;
  }
}

// callgrind's --toggle-collect names this function.
extern "C" [[gnu::noinline]] void MeasuredTurn(Worker& worker, Instant now, bool planted) {
  if (planted) {
    PlantedWork();
  }
  worker.Turn(now);
}

namespace {

// The same heartbeats with a payload, which only the thorough path reads; or none at all.
class StageSource final : public FrameSource {
 public:
  enum class Manner : std::uint8_t { kPlain, kWithPayload, kSilent };

  StageSource() {
    const std::vector<std::byte> group = testing_frames::GroupElement(7);
    for (std::size_t i = 0; i < kBurst; ++i) {
      long_[i] = testing_frames::HeartbeatFrame({.id = 1, .incarnation = 1, .sequence = 1}, group);
    }
  }

  std::span<const Frame> Receive() noexcept override {
    if (manner_ == Manner::kSilent) {
      return {};
    }
    const std::span<const Frame> plain = fleet_.Receive();
    if (manner_ == Manner::kPlain) {
      return plain;
    }
    for (std::size_t i = 0; i < plain.size(); ++i) {
      constexpr std::size_t kFromId = 42 + 8;  // Ethernet, IPv4, UDP; up to the handle
      std::memcpy(long_[i].data() + kFromId, plain[i].data + kFromId, 24);
      frames_[i] = plain[i];
      frames_[i].data = long_[i].data();
      frames_[i].length = static_cast<std::uint32_t>(long_[i].size());
    }
    return {frames_.data(), plain.size()};
  }

  void Release() noexcept override {}

  void Set(Manner manner) { manner_ = manner; }

  [[nodiscard]] FleetSource& fleet() { return fleet_; }

 private:
  FleetSource fleet_;
  Manner manner_ = Manner::kPlain;
  std::array<std::vector<std::byte>, kBurst> long_;
  std::array<Frame, kBurst> frames_{};
};

Config StageConfig(ProfileId profile) {
  Config config = FleetConfig(kEndpoints, 1);
  config.profiles[kByHistory] = MakeProfile("by history", kSecond, 8, kSecond);
  config.profiles[kByHistory].detector = DetectorKind::kPhi;
  config.profiles[kByHistory].timeout = 30 * kSecond;
  config.profiles[kByHistory].allowance = kSecond;
  config.dataplane.default_profile = profile;
  return config;
}

class Stage {
 public:
  Stage(ProfileId profile, bool planted)
      : region_(StageConfig(profile)), order_(kEndpoints), planted_(planted) {
    engine_ = Engine::Create(region_.view(), {}, now_).value();
    identity_.mac = {2, 0, 0, 0, 0, 1};
    identity_.udp_port = kHeartbeatPort;
    engine_->Attach(0, {.source = &source_, .sink = &sink_, .identity = &identity_});
    for (std::size_t i = 0; i < order_.size(); ++i) {
      order_[i].id = i + 1;
    }
    std::ranges::shuffle(order_, std::mt19937_64(1));
    Speak(1, Find::kByIndex, StageSource::Manner::kPlain, false);
    LearnSlots(region_.view(), order_);
    std::ranges::shuffle(order_, std::mt19937_64(2));
  }

  // Heartbeats by the index or by handle, each endpoint `kRounds` times.
  std::uint64_t Heartbeats(Find find, StageSource::Manner manner) {
    return Speak(kRounds, find, manner, true);
  }

  // Ten seconds in which all speak once a second, and a block is visited when its oldest is due.
  std::uint64_t Visits() {
    const std::uint64_t before = Published(Counter::kVisits);
    for (int second = 0; second < 10; ++second) {
      Speak(1, Find::kByHandle, StageSource::Manner::kPlain, false);
      BeSilent(kSecond);
    }
    return Published(Counter::kVisits) - before;
  }

  std::uint64_t Deaths() {
    const std::uint64_t before = Told();
    BeSilent(10 * kSecond);
    return Told() - before;
  }

  // Dropped, or not found as asked: then the scene was another than it claims to be.
  [[nodiscard]] std::uint64_t Missing() {
    BeSilent(kSecond, false);  // until the counters are published
    std::uint64_t out = Published(Counter::kStaleHandle);
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      out += region_.view().dataplane().counters[0][static_cast<DropReason>(i)];
    }
    return out;
  }

 private:
  std::uint64_t Speak(unsigned rounds, Find find, StageSource::Manner manner, bool measured) {
    const std::uint64_t before = source_.fleet().handed();
    source_.fleet().Set(order_, find, source_.fleet().sequence() + 1);
    source_.Set(manner);
    while (source_.fleet().handed() - before < rounds * kEndpoints) {
      Turn(kBetweenBursts, measured);
    }
    return source_.fleet().handed() - before;
  }

  void BeSilent(Duration duration, bool measured = true) {
    source_.Set(StageSource::Manner::kSilent);
    for (const Instant end = now_ + duration; now_ < end;) {
      Turn(kIdle, measured);
    }
  }

  void Turn(Duration step, bool measured) {
    now_ += step;
    Worker& worker = engine_->worker(0);
    worker.Receive();
    if (measured) {
      MeasuredTurn(worker, now_, planted_);
    } else {
      worker.Turn(now_);
    }
    // Control takes at once what was told.
    region_.view().control().transition_tails[0].value.store(Told());
  }

  [[nodiscard]] std::uint64_t Told() const {
    return region_.view().dataplane().transition_heads[0].value.load();
  }

  [[nodiscard]] std::uint64_t Published(Counter counter) const {
    return region_.view().dataplane().counters[0][counter];
  }

  Instant now_{Milliseconds(1'000'000)};
  PlainRegion region_;
  std::vector<Member> order_;
  bool planted_;
  StageSource source_;
  NoSink sink_;
  PortIdentity identity_;
  std::unique_ptr<Engine> engine_;
};

std::uint64_t Play(Stage& stage, std::string_view scene) {
  using Manner = StageSource::Manner;
  if (scene == "index" || scene == "phi_index") {
    return stage.Heartbeats(Find::kByIndex, Manner::kPlain);
  }
  if (scene == "handle" || scene == "phi_handle") {
    return stage.Heartbeats(Find::kByHandle, Manner::kPlain);
  }
  if (scene == "thorough") {
    return stage.Heartbeats(Find::kByIndex, Manner::kWithPayload);
  }
  if (scene == "visits") {
    return stage.Visits();
  }
  if (scene == "deaths") {
    return stage.Deaths();
  }
  throw std::runtime_error("no such scene");
}

int Main(int count, char** arguments) {
  if (count < 2) {
    throw std::runtime_error("usage: turns SCENE [planted]");
  }
  const std::string_view scene = arguments[1];
  Stage stage(scene.starts_with("phi_") ? kByHistory : kProfile,
              count > 2 && std::string_view(arguments[2]) == "planted");
  const std::uint64_t units = Play(stage, scene);
  if (units < kEndpoints / kBlockSlots || stage.Missing() != 0) {
    throw std::runtime_error("the scene was not played as written");
  }
  std::printf("%llu\n", static_cast<unsigned long long>(units));  // NOLINT(google-runtime-int)
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  try {
    return flatline::Main(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "turns: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
