// Many who fall silent together, through the whole engine of two workers: so many as may be dead
// die, and where it is most of the fleet nobody does, until the guard leaves. Invented time;
// `leader-election` (100 ms × 3, confirmed after 100 ms) is the profile.
#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/command_ring.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing_frames::HeartbeatFrame;

constexpr EndpointId kFleet = 1000;

Config GuardedConfig() {
  Config config = SmallConfig(2 * kFleet, 2);
  config.dataplane.transition_ring = 1U << 14;
  config.guard.window = Milliseconds(10'000);
  config.guard.release_after = Milliseconds(5'000);
  return config;
}

class GuardTest : public testing::Test {
 protected:
  explicit GuardTest(const Config& config = GuardedConfig()) : region_(config) { Start(); }

  void Start() {
    engine_ = std::move(Engine::Create(region_.view(), {}, now_).value());
    for (unsigned w = 0; w < 2; ++w) {
      engine_->Attach(w, ports_[w].attachment());
    }
  }

  // For so long endpoint 1 to `beating` are heard as promised, their beats spread over the
  // interval.
  void Live(Duration length, EndpointId beating) {
    for (const Instant until = now_ + length; now_ < until;) {
      now_ += Milliseconds(1);
      for (EndpointId id = 1 + turn_ % 100; id <= beating; id += 100) {
        ports_[id % 2].source.Put(
            HeartbeatFrame({.id = id, .incarnation = 1, .sequence = ++sequence_[id]}));
      }
      ++turn_;
      for (unsigned w : {1U, 0U}) {
        engine_->worker(w).Receive();
        engine_->worker(w).Turn(now_);
      }
      Read();
    }
  }

  void Read() {
    for (unsigned w = 0; w < 2; ++w) {
      TransitionConsumer control(region_.view().dataplane().transition_heads[w],
                                 region_.view().control().transition_tails[w],
                                 region_.view().transitions(w));
      for (std::uint64_t i = control.tail(); i < control.head(); ++i) {
        const Transition& told = control.At(i);
        told_[std::string(NameOf(told.reason)) +
              (told.kind == TransitionKind::kGroup ? (told.to != 0 ? " begins" : " ends") : "")]++;
        if (told.kind == TransitionKind::kGroup) {
          last_of_guard_ = told;
        }
      }
      control.Release(control.head());
    }
  }

  void Order(GuardMode mode) {
    const RegionView& view = region_.view();
    SharedRing<Command> out(
        view.control().command_heads[0], view.dataplane().command_tails[0], view.commands(0));
    ASSERT_TRUE(out.TryPush({.id = GuardOrder{mode, 0}.Pack(), .kind = CommandKind::kGuard}));
  }

  Instant now_{Milliseconds(1000)};
  PlainRegion region_;
  std::array<FakePort, 2> ports_;
  std::unique_ptr<Engine> engine_;
  std::map<EndpointId, std::uint32_t> sequence_;
  std::map<std::string, int> told_;
  Transition last_of_guard_{};
  std::uint64_t turn_ = 0;
};

TEST_F(GuardTest, OneDiesOfAThousandAndAHundredDo) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(600), kFleet - 1);
  EXPECT_EQ(told_["not-confirmed"], 1);
  Live(Milliseconds(600), kFleet - 101);
  EXPECT_EQ(told_["not-confirmed"], 101);
  EXPECT_EQ(told_["guard begins"], 0);
}

TEST_F(GuardTest, NobodyDiesWhereEverybodyFallsSilent) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(1000), kFleet - 1);  // the witness: one that died, and was told
  ASSERT_EQ(told_["not-confirmed"], 1);
  Live(Milliseconds(2000), 0);
  EXPECT_EQ(told_["not-confirmed"], 1);
  EXPECT_EQ(told_["deadline-missed"], 1 + static_cast<int>(kFleet) - 1);
  EXPECT_EQ(told_["guard begins"], 1);
  EXPECT_GE(last_of_guard_.incarnation, kFleet / 2);
  EXPECT_EQ(last_of_guard_.sequence, kFleet)
      << "of so many that are watched, one of them just dead";
  Live(Milliseconds(500), kFleet - 1);
  EXPECT_EQ(told_["heartbeat-resumed"], static_cast<int>(kFleet) - 1);
  EXPECT_EQ(told_["guard ends"], 1);
  EXPECT_EQ(told_["not-confirmed"], 1);
}

TEST_F(GuardTest, WhoIsStillSilentWhenTheRestIsBackIsConfirmedAnew) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(1000), 0);
  ASSERT_EQ(told_["guard begins"], 1);
  const Duration step = Milliseconds(1);
  while (told_["guard ends"] == 0) {
    Live(step, kFleet - 100);
  }
  Live(Milliseconds(90), kFleet - 100);
  EXPECT_EQ(told_["not-confirmed"], 0) << "a confirmation from when the share fell";
  Live(Milliseconds(310), kFleet - 100);  // held ones are looked at so rarely
  EXPECT_EQ(told_["not-confirmed"], 100);
}

TEST_F(GuardTest, LeavesByItselfAndThenTheyDie) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(5'200), 0);
  EXPECT_EQ(told_["not-confirmed"], 0);
  Live(Milliseconds(1'000), 0);
  EXPECT_EQ(told_["guard ends"], 1);
  EXPECT_EQ(last_of_guard_.from, static_cast<std::uint8_t>(GroupCause::kTimeOver));
  EXPECT_EQ(told_["not-confirmed"], static_cast<int>(kFleet));
}

TEST_F(GuardTest, HoldsOverARestart) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(1'000), 0);
  ASSERT_EQ(told_["guard begins"], 1);
  engine_.reset();
  now_ += Milliseconds(2'000);
  Start();
  Live(Milliseconds(1'000), 0);
  EXPECT_EQ(told_["not-confirmed"], 0);
  EXPECT_EQ(told_["guard begins"], 1) << "told already";
}

TEST_F(GuardTest, ObeysOrders) {
  Live(Milliseconds(500), kFleet);
  Order(GuardMode::kHold);
  Live(Milliseconds(600), kFleet - 1);
  EXPECT_EQ(told_["not-confirmed"], 0);
  EXPECT_EQ(last_of_guard_.from, static_cast<std::uint8_t>(GroupCause::kOperator));
  Order(GuardMode::kRelease);
  Live(Milliseconds(400), kFleet - 1);
  EXPECT_EQ(told_["not-confirmed"], 1);
  Live(Milliseconds(600), 0);
  EXPECT_EQ(told_["not-confirmed"], static_cast<int>(kFleet));
}

TEST_F(GuardTest, AnEnrolmentOfManyWhoNeverSpeakIsNoEvidence) {
  Live(Milliseconds(500), 200);
  for (EndpointId id = 201; id <= kFleet; ++id) {
    const RegionView& view = region_.view();
    const unsigned owner = ShardOf(HashEndpoint(id, view.header().hash_key), 2);
    SharedRing<Command> out(view.control().command_heads[owner],
                            view.dataplane().command_tails[owner],
                            view.commands(owner));
    ASSERT_TRUE(out.TryPush({.id = id, .profile = 1, .kind = CommandKind::kEnrol}));
  }
  Live(Milliseconds(600), 200);
  EXPECT_EQ(told_["never-heard"], static_cast<int>(kFleet) - 200);
  EXPECT_EQ(told_["guard begins"], 0);
}

}  // namespace
}  // namespace flatline
