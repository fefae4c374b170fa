// A million endpoints that fall silent in the same tick, under a real worker that goes on hearing
// others: how many expiries a second of the core, and how long the longest turn is. Time is
// invented, 50 us a turn, so that each round does the same work turn by turn. Prints rows `wheel.*`
// and `adoption.*`; fails if somebody was not told of, or one who beats was suspected.
//
// wheel.longest_turn_us is what the code determines: of each turn the median of the rounds by the
// thread's clock (heartbeats, expiry, housekeeping), of those the longest. A single turn may be
// longer because the hypervisor or the kernel took the core: the longest of all rounds stands
// beside it, by the thread's clock and by the wall's. Not measured: control, which is taken to keep
// up; making the frames is in the time.
#include "bench/core_seconds.h"
#include "dataplane/engine.h"
#include "dataplane/page_array.h"
#include "dataplane/shared_region.h"
#include "tests/dataplane/frames.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

namespace flatline {
namespace {

constexpr std::size_t kPayload = 42;  // behind Ethernet, IPv4 and UDP
constexpr std::size_t kRounds = 9;
constexpr std::size_t kFramesPerTurn = kBurst - 1;  // a full burst would mean that more waits
constexpr std::uint64_t kBeating = 50'000;
constexpr ProfileId kProfile = 2;  // database: 3 s
constexpr Instant kStart{Milliseconds(1'000'000)};
constexpr Duration kTurn{50'000};

// Those above `silent` beat in the order of a stride, a burst a turn.
class BeatingFew final : public FrameSource {
 public:
  explicit BeatingFew(std::uint64_t silent) : silent_(silent) {
    for (std::size_t i = 0; i < kFramesPerTurn; ++i) {
      buffers_[i] = testing_frames::HeartbeatFrame({.id = 1, .incarnation = 1, .sequence = 1});
      buffers_[i][kPayload + 5] = static_cast<std::byte>(Health::kReady);
      frames_[i] = {.data = buffers_[i].data(),
                    .length = static_cast<std::uint32_t>(buffers_[i].size()),
                    .ip_checksum = ChecksumStatus::kGood,
                    .udp_checksum = ChecksumStatus::kGood};
    }
  }

  std::span<const Frame> Receive() noexcept override {
    constexpr std::uint64_t kStride = 30'011;  // a prime: everybody has a turn
    for (std::size_t i = 0; i < kFramesPerTurn; ++i, ++beats_) {
      std::byte* heartbeat = buffers_[i].data() + kPayload;
      wire::Store<std::uint64_t>(heartbeat + 8, silent_ + 1 + beats_ * kStride % kBeating);
      wire::Store<std::uint32_t>(heartbeat + 20, static_cast<std::uint32_t>(1 + beats_ / kBeating));
    }
    return frames_;
  }

  void Release() noexcept override {}

 private:
  std::uint64_t silent_;
  std::uint64_t beats_ = 0;
  std::array<std::vector<std::byte>, kFramesPerTurn> buffers_;
  std::array<Frame, kFramesPerTurn> frames_{};
};

class NoSink final : public FrameSink {
 public:
  std::byte* Claim() noexcept override { return nullptr; }

  void Commit(std::uint32_t) noexcept override {}

  std::size_t Flush() noexcept override { return 0; }
};

struct Round {
  double adoption = 0;        // seconds of the core
  std::vector<double> turns;  // those that told of somebody; seconds of the core
  double longest_wall = 0;    // of them
};

class Silence {
 public:
  explicit Silence(std::uint64_t silent)
      : silent_(silent), shape_(ShapeFor(MakeConfig().dataplane, kSmallPage)) {
    identity_.mac = {2, 0, 0, 0, 0, 1};
    identity_.udp_port = kHeartbeatPort;
  }

  Round Run() {
    auto memory = PageArray<std::byte>::Create(RegionLayout::Of(shape_).bytes, "a fleet").value();
    const RegionView region = Fill(memory.data());
    Round out;
    const double begin = CoreSeconds();
    const std::unique_ptr<Engine> engine = Engine::Create(region, {}, kStart).value();
    out.adoption = CoreSeconds() - begin;
    BeatingFew source(silent_);
    engine->Attach(0, {.source = &source, .sink = &sink_, .identity = &identity_});
    Instant now = kStart;
    while (now < kStart + Milliseconds(2'990)) {
      engine->worker(0).Receive();
      engine->worker(0).Turn(now += Milliseconds(1));
    }
    if (region.dataplane().transition_heads[0].value != 0) {
      throw std::runtime_error("somebody was told of too early");
    }
    std::uint64_t told = 0;
    while (told < silent_) {
      now += kTurn;
      if (now > kStart + Milliseconds(3'900)) {
        throw std::runtime_error("not everybody was told of");
      }
      told += TimeTurn(region, engine->worker(0), now, out);
    }
    Round after;
    told += TimeTurn(region, engine->worker(0), now + kTurn, after);
    if (told != silent_) {
      throw std::runtime_error("one who beats was suspected");
    }
    return out;
  }

  [[nodiscard]] std::uint64_t slots() const { return shape_.slots(); }

 private:
  [[nodiscard]] Config MakeConfig() const {
    Config config;
    config.dataplane.endpoints = silent_ + kBeating;
    config.guard.fleet_share_ppm = 0;  // it would say that so many are silent
    for (std::size_t i = 0; i < kBuiltInProfiles.size(); ++i) {
      config.profiles[kFirstBuiltInProfile + i] = kBuiltInProfiles[i];
    }
    return config;
  }

  // All alive, last heard at the start.
  RegionView Fill(std::byte* memory) const {
    const RegionView region = FormatRegion(memory, shape_, MakeConfig(), WallInstant{}, 0x5EED);
    for (std::uint64_t i = 0; i < silent_ + kBeating; ++i) {
      EndpointRecord& record = region.records()[i];
      record.heard = Heard{StampOf(HearingInstant{kStart.time_since_epoch()}), 0}.Pack();
      record.incarnation = 1;
      record.state = EndpointState{Liveness::kAlive, Health::kReady, kProfile}.Pack();
      record.id = i + 1;
    }
    return region;
  }

  // One turn, and control takes at once what it published. Returns how much that was.
  static std::uint64_t TimeTurn(const RegionView& region,
                                Worker& worker,
                                Instant now,
                                Round& round) {
    const std::uint64_t before = region.dataplane().transition_heads[0].value;
    const auto wall = std::chrono::steady_clock::now();
    const double core = CoreSeconds();
    worker.Receive();
    worker.Turn(now);
    const double took = CoreSeconds() - core;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - wall;
    const std::uint64_t head = region.dataplane().transition_heads[0].value;
    region.control().transition_tails[0].value = head;
    if (head != before) {
      round.turns.push_back(took);
      round.longest_wall = std::max(round.longest_wall, passed.count());
    }
    return head - before;
  }

  std::uint64_t silent_;
  RegionShape shape_;
  PortIdentity identity_;
  NoSink sink_;
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Row(const char* name, double value, const char* unit) {
  std::printf("%s %.4g %s\n", name, value, unit);
}

void PrintRows(const std::vector<Round>& rounds, std::uint64_t silent, std::uint64_t slots) {
  std::vector<double> rates;
  std::vector<double> adoptions;
  double longest = 0;
  double longest_wall = 0;
  for (const Round& round : rounds) {
    double sum = 0;
    for (const double turn : round.turns) {
      sum += turn;
      longest = std::max(longest, turn);
    }
    rates.push_back(static_cast<double>(silent) / sum);
    adoptions.push_back(round.adoption / static_cast<double>(slots));
    longest_wall = std::max(longest_wall, round.longest_wall);
    if (round.turns.size() != rounds[0].turns.size()) {
      throw std::runtime_error("the rounds did not do the same work");
    }
  }
  double repeated = 0;
  for (std::size_t turn = 0; turn < rounds[0].turns.size(); ++turn) {
    std::vector<double> of_rounds;
    of_rounds.reserve(rounds.size());
    for (const Round& round : rounds) {
      of_rounds.push_back(round.turns[turn]);
    }
    repeated = std::max(repeated, Median(of_rounds));
  }
  Row("wheel.expiries_per_second", Median(rates), "1/s");
  Row("wheel.longest_turn_us", repeated * 1e6, "us");
  Row("wheel.longest_single_turn_us", longest * 1e6, "us");
  Row("wheel.longest_single_turn_wall_us", longest_wall * 1e6, "us");
  Row("wheel.turns_to_expire_all", static_cast<double>(rounds[0].turns.size()), "1");
  Row("adoption.ns_per_slot", Median(adoptions) * 1e9, "ns");
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  const std::uint64_t silent = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1'000'000;
  if (silent == 0 || silent > 100'000'000) {
    std::fputs("usage: expiry_bench [ENDPOINTS]\n", stderr);
    return 2;
  }
  try {
    flatline::Silence silence(silent);
    std::vector<flatline::Round> rounds;
    while (rounds.size() < flatline::kRounds) {
      rounds.push_back(silence.Run());
    }
    flatline::PrintRows(rounds, silent, silence.slots());
  } catch (const std::exception& error) {  // as when the memory cannot be had
    std::fprintf(stderr, "expiry_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
