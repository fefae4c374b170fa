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

// Two workers on threads of their own, and control beside them.
class Crowd {
 public:
  Crowd() {
    for (unsigned w = 0; w < kWorkers; ++w) {
      engine_->Attach(w, ports_[w].attachment());
    }
  }

  void Run() {
    const std::jthread first([this] { Work(0); });
    const std::jthread second([this] { Work(1); });
    while (rounds_[0].load() < kRounds || rounds_[1].load() < kRounds) {
      ReadRings();
      ReadTable();
    }
  }

  // One more turn of each, alone, publishes the last counters.
  void Finish() {
    for (unsigned w = 0; w < kWorkers; ++w) {
      engine_->worker(w).Receive();
      engine_->worker(w).Turn(Instant{Milliseconds(1002 + kRounds)});
    }
    ReadRings();
  }

  [[nodiscard]] std::uint64_t told(Reason reason) const {
    return told_[static_cast<std::size_t>(reason)];
  }

  [[nodiscard]] std::uint64_t alive() const {
    std::uint64_t out = 0;
    for (const EndpointRecord& record : region_.view().records()) {
      const auto state = EndpointState::Unpack(record.state.load());
      out += record.id.load() != kNoEndpoint && state.liveness == Liveness::kAlive ? 1U : 0U;
    }
    return out;
  }

  [[nodiscard]] std::uint64_t unreadable_rows() const { return unreadable_rows_; }

  [[nodiscard]] std::uint64_t foreign() const {
    return region_.view().dataplane().counters[0][Counter::kForeign];
  }

 private:
  // Time is invented and shared: nobody is more than a round ahead of the other.
  void Work(unsigned worker) {
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      PutBeats(ports_[worker].source, worker, round);
      engine_->worker(worker).Receive();
      engine_->worker(worker).Turn(Instant{Milliseconds(1001 + round)});
      rounds_[worker].store(round + 1);
      while (rounds_[1 - worker].load() + 1 < round) {
        std::this_thread::yield();
      }
    }
  }

  void ReadRings() {
    const RegionView& view = region_.view();
    for (unsigned w = 0; w < kWorkers; ++w) {
      TransitionConsumer control(view.dataplane().transition_heads[w],
                                 view.control().transition_tails[w],
                                 view.transitions(w));
      const std::uint64_t head = control.head();
      for (std::uint64_t i = control.tail(); i < head; ++i) {
        ++told_[static_cast<std::size_t>(control.At(i).reason)];
      }
      control.Release(head);
    }
  }

  void ReadTable() {
    for (const EndpointRecord& record : region_.view().records()) {
      const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
      unreadable_rows_ += state.profile <= 2 && state.liveness <= Liveness::kLeft ? 0U : 1U;
    }
  }

  PlainRegion region_{SmallConfig(1000, kWorkers)};
  std::unique_ptr<Engine> engine_{
      std::move(Engine::Create(region_.view(), {}, Instant{Milliseconds(1000)}).value())};
  std::array<FakePort, kWorkers> ports_;
  std::array<std::atomic<std::uint32_t>, kWorkers> rounds_{};
  std::array<std::uint64_t, kReasonNames.size()> told_{};
  std::uint64_t unreadable_rows_ = 0;
};

TEST(Interleaving, WorkersStampMoveAndJudgeTheSameRecords) {
  Crowd crowd;
  crowd.Run();
  crowd.Finish();
  EXPECT_EQ(crowd.alive(), kEndpoints) << "nobody lost, nobody twice";
  EXPECT_EQ(crowd.told(Reason::kDeadlineMissed), 0U) << "everybody spoke every millisecond";
  EXPECT_EQ(crowd.told(Reason::kFirstHeartbeat), kEndpoints);
  EXPECT_EQ(crowd.told(Reason::kRestarted), 2 * kEndpoints);
  EXPECT_EQ(crowd.unreadable_rows(), 0U);
  EXPECT_GT(crowd.foreign(), 1000U);
}

}  // namespace
}  // namespace flatline
