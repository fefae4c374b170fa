// Whole workers on real threads over one table, under ThreadSanitizer: every endpoint's heartbeats
// come to all workers in turns, so each record is stamped by strangers while its owner judges,
// moves and retires. Bounded by the number of turns, and by the clock of nobody: time is invented.
#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/command_ring.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr unsigned kWorkers = 2;
constexpr std::uint32_t kRounds = 1500;
constexpr EndpointId kEndpoints = 40;

// Beats of all endpoints, every other one through this worker; now and then a later life.
void PutBeats(FakeSource& source, unsigned worker, std::uint32_t round) {
  for (EndpointId id = 1; id <= kEndpoints; ++id) {
    if ((id + round) % kWorkers == worker) {
      source.Put(testing_frames::HeartbeatFrame(
          {.id = id,
           .incarnation = 1 + round / 500,
           .sequence = round + 1,
           .profile = static_cast<ProfileId>(round % 300 < 150 ? 1 : 2)}));
    }
  }
}

TEST(Interleaving, WorkersStampMoveAndJudgeTheSameRecords) {
  const PlainRegion region(SmallConfig(1000, kWorkers));
  const RegionView& view = region.view();
  auto engine = std::move(Engine::Create(view, {}, Instant{Milliseconds(1000)}).value());
  std::array<FakePort, kWorkers> ports;
  for (unsigned w = 0; w < kWorkers; ++w) {
    engine->Attach(w, ports[w].attachment());
  }
  // Invented time that all share: it moves on when the slowest has done a round.
  std::array<std::atomic<std::uint32_t>, kWorkers> rounds{};
  const auto work = [&](unsigned worker) {
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      PutBeats(ports[worker].source, worker, round);
      engine->worker(worker).Turn(Instant{Milliseconds(1001 + round)});
      rounds[worker].store(round + 1);
      while (rounds[1 - worker].load() + 1 < round) {
        std::this_thread::yield();
      }
    }
  };
  std::array<std::uint64_t, kReasonNames.size()> told{};
  {
    const std::jthread first(work, 0U);
    const std::jthread second(work, 1U);
    std::array<std::uint64_t, kWorkers> positions{};
    // Control reads the rings and rows of the table meanwhile.
    while (rounds[0].load() < kRounds || rounds[1].load() < kRounds) {
      for (unsigned w = 0; w < kWorkers; ++w) {
        TransitionConsumer control(view.dataplane().transition_heads[w],
                                   view.control().transition_tails[w],
                                   view.transitions(w));
        for (; positions[w] < control.head(); ++positions[w]) {
          ++told[static_cast<std::size_t>(control.At(positions[w]).reason)];
        }
        control.Release(positions[w]);
      }
      for (const EndpointRecord& record : view.records()) {
        const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
        ASSERT_LE(state.profile, 2U);
      }
    }
  }
  // One more turn of each, alone, publishes the last counters.
  for (unsigned w = 0; w < kWorkers; ++w) {
    engine->worker(w).Turn(Instant{Milliseconds(1002 + kRounds)});
  }
  std::uint64_t alive = 0;
  for (const EndpointRecord& record : view.records()) {
    const auto state = EndpointState::Unpack(record.state.load());
    alive += record.id.load() != kNoEndpoint && state.liveness == Liveness::kAlive ? 1U : 0U;
  }
  EXPECT_EQ(alive, kEndpoints) << "nobody lost, nobody twice";
  EXPECT_EQ(told[static_cast<std::size_t>(Reason::kDeadlineMissed)], 0U)
      << "everybody spoke every millisecond";
  EXPECT_EQ(told[static_cast<std::size_t>(Reason::kFirstHeartbeat)], kEndpoints);
  EXPECT_EQ(told[static_cast<std::size_t>(Reason::kRestarted)], 2 * kEndpoints);
  EXPECT_GT(view.dataplane().counters[0][Counter::kForeign], 1000U);
}

}  // namespace
}  // namespace flatline
