// Who hangs, by invented instants over a region in plain memory.
#include <flatline/hang.h>
#include <flatline/region.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Instant kStart{Duration{1'000'000'000'000}};

constexpr Duration Ms(std::int64_t ms) {
  return Duration{ms * 1'000'000};
}

class HangTest : public testing::Test {
 protected:
  HangTest() : memory_(Allocate()), region_(memory_.get(), Shape()) {
    for (unsigned worker = 0; worker < 2; ++worker) {
      progress(worker).thread_id.store(static_cast<std::int32_t>(100 + worker));
    }
    progress(1).cpu.store(3);
  }

  [[nodiscard]] WorkerProgress& progress(unsigned worker) const {
    return region_.dataplane().progress[worker];
  }

  // Looks every 100 ms until `until`, while the first `moving` workers turn.
  std::vector<HangNews> LookUntil(Instant until, unsigned moving) {
    std::vector<HangNews> out;
    for (; now_ <= until; now_ += Ms(100)) {
      for (unsigned worker = 0; worker < moving; ++worker) {
        progress(worker).turn_ns.store(now_.time_since_epoch().count());
      }
      for (const HangNews& news : watch_.Look(region_, now_)) {
        out.push_back(news);
      }
    }
    return out;
  }

  Instant now_ = kStart;
  HangWatch watch_;

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  static RegionShape Shape() {
    RegionShape shape;
    shape.workers = 2;
    shape.transition_capacity = 64;
    shape.command_capacity = 64;
    return shape;
  }

  static std::byte* Allocate() {
    const std::size_t bytes = RegionLayout::Of(Shape()).bytes;
    void* memory = std::aligned_alloc(kSmallPage, bytes);
    std::memset(memory, 0, bytes);
    return static_cast<std::byte*>(memory);
  }

  std::unique_ptr<std::byte, Free> memory_;

 protected:
  RegionView region_;
};

TEST_F(HangTest, AWorkerThatStandsStillIsNamedOnceAndAgainWhenItMoves) {
  EXPECT_TRUE(LookUntil(kStart + Ms(5'000), 2).empty());
  const auto hung = LookUntil(kStart + Ms(8'000), 1);
  ASSERT_EQ(hung.size(), 1U);
  EXPECT_EQ(hung[0].worker, 1U);
  EXPECT_EQ(hung[0].since, kStart + Ms(5'000));
  EXPECT_EQ(watch_.hanging(), 1U);
  EXPECT_EQ(Describe(hung[0], kStart + Ms(6'150)),
            "worker 1 hangs: thread 101, cpu 3, in one turn for 1.1 s");
  const auto moved = LookUntil(kStart + Ms(9'000), 2);
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_TRUE(moved[0].is_over);
  EXPECT_EQ(Describe(moved[0], kStart + Ms(8'100)), "worker 1 moves again, after 3.1 s");
  EXPECT_EQ(watch_.hanging(), 0U);
}

TEST_F(HangTest, NotYetAfterLessThanTheBound) {
  LookUntil(kStart + Ms(1'000), 2);
  EXPECT_TRUE(LookUntil(kStart + Ms(1'900), 0).empty());
  EXPECT_EQ(LookUntil(kStart + Ms(2'200), 0).size(), 2U);
}

TEST_F(HangTest, WhoWasStoppedTogetherWithThemAccusesNobody) {
  LookUntil(kStart + Ms(1'000), 2);
  now_ += Ms(3'600'000);  // nobody moved, nobody looked
  for (int look = 0; look < 3; ++look, now_ += Ms(100)) {
    EXPECT_TRUE(watch_.Look(region_, now_).empty());
  }
  EXPECT_TRUE(LookUntil(now_ + Ms(5'000), 2).empty());
}

TEST_F(HangTest, AWorkerThatHasNotBegunIsNotLookedAt) {
  progress(1).thread_id.store(0);
  EXPECT_TRUE(LookUntil(kStart + Ms(5'000), 1).empty());
  progress(1).thread_id.store(7);
  EXPECT_EQ(LookUntil(kStart + Ms(7'000), 1).size(), 1U);
}

TEST_F(HangTest, ItSaysWhereAWorkerIsNotPinned) {
  EXPECT_EQ(Describe({.worker = 0, .thread = 9, .cpu = -1, .since = kStart}, kStart + Ms(1'000)),
            "worker 0 hangs: thread 9, not pinned, in one turn for 1.0 s");
}

}  // namespace
}  // namespace flatline
