// What endpoints said of themselves, as `flatline get` tells it.
#include "control/cli/said.h"

#include "tests/cli/region_verbs.h"

#include <flatline/payload.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Clocks kClocks{Instant{Milliseconds(10'000)},
                         WallInstant{Duration{1'700'000'010'000'000'000}}};

class Said : public RegionVerbs {
 protected:
  Said() {
    Put(42,
        {.liveness = Liveness::kAlive, .health = Health::kDegraded, .profile = 2},
        7,
        MonotonicNow());
  }

  // In the owner's pool.
  void Say(const Payload& payload) const {
    const RegionView& region = disk_.view();
    const unsigned owner =
        ShardOf(HashEndpoint(payload.id, region.header().hash_key), region.shape().workers);
    WritePayload(region.payloads(owner)[3], payload);
  }
};

Payload Saying(std::string_view text) {
  Payload out{.id = 42, .heard_ns = 7'000'000'000, .incarnation = 3, .sequence = 17};
  out.said = kSaidText;
  out.text_size = static_cast<std::uint8_t>(text.size());
  std::ranges::copy(text, out.text.begin());
  return out;
}

TEST_F(Said, IsToldByGet) {
  EXPECT_THAT(Run({"get", "42"}).out, Not(HasSubstr("said")));
  EXPECT_TRUE(json::parse(Run({"get", "42", "--json"}).out)["said"].is_null());
  Payload payload = Saying("disk nearly full");
  payload.said |= kSaidLoad | kSaidMemory;
  payload.load = 1'250;
  payload.memory = 875;
  Say(payload);
  const Ran ran = Run({"get", "42"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("said         load 1.250, memory 87.5 %, \"disk nearly full\"; "));
  EXPECT_THAT(ran.out, HasSubstr(" ago, in heartbeat 17 of incarnation 3\n"));
  EXPECT_THAT(ran.out, Not(HasSubstr("clock"))) << "it gave none";
  const json said = json::parse(Run({"get", "42", "--json"}).out)["said"];
  EXPECT_EQ(said["load"], 1.25);
  EXPECT_EQ(said["memory"], 0.875);
  EXPECT_EQ(said["text"], "disk nearly full");
  EXPECT_EQ(said["sequence"], 17);
  EXPECT_TRUE(said["clock_ahead_ns"].is_null());
}

TEST_F(Said, MovesNoCursor) {
  Say(Saying("\x1b[2J\u009b\u202e\xff\n"));
  EXPECT_THAT(Run({"get", "42"}).out, HasSubstr("\"?[2J????\""));
  EXPECT_THAT(Run({"get", "42", "--json"}).out, Not(HasSubstr("\x1b")));
}

TEST_F(Said, ByAnotherIsNotTold) {
  Payload payload = Saying("somebody else");
  payload.id = 43;
  Say(payload);
  EXPECT_FALSE(FindPayload(disk_.view(), 42));
  EXPECT_EQ(FindPayload(disk_.view(), 43).has_value(), true);
}

TEST_F(Said, WhileItIsWrittenIsNotTold) {
  Say(Saying("half"));
  for (unsigned worker = 0; worker < 2; ++worker) {
    disk_.view().payloads(worker)[3].version.fetch_or(1);
  }
  EXPECT_FALSE(FindPayload(disk_.view(), 42));
  EXPECT_EQ(Run({"get", "42"}).code, 0);
}

TEST(SaidText, TellsOfClockAndWay) {
  Payload payload = Saying("");
  payload.heard_ns = 9'000'000'000;  // a second ago, at …009
  payload.sent_ns = 1'700'000'012'500'000'000;
  payload.timed = 9;
  payload.least_transit_ns = payload.transit_ns() - 2'500'000;
  payload.jitter_ns = 300'000;
  EXPECT_EQ(*ClockAhead(payload, kClocks), Milliseconds(3'500));
  EXPECT_EQ(SaidParagraph(payload, kClocks),
            "said         \"\"; 1.00s ago, in heartbeat 17 of incarnation 3\n"
            "clock        3.50s ahead of ours; on its way 2.5ms longer than the quickest, jitter "
            "300.0us\n");
  payload.sent_ns = 1'700'000'008'000'000'000;
  EXPECT_THAT(SaidParagraph(payload, kClocks), HasSubstr("clock        1.00s behind ours"));
  EXPECT_EQ(SaidJson(payload, kClocks)["clock_ahead_ns"], -1'000'000'000);
}

// The region is anybody's bytes.
TEST(SaidText, IsWholeWhateverTheNumbersAre) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t heard : {kLeast, std::int64_t{-1}, kMost}) {
    for (const std::int64_t sent : {kLeast, std::int64_t{-1}, kMost}) {
      for (const std::int64_t least : {kLeast, std::int64_t{0}, kMost}) {
        Payload payload = Saying("x");
        payload.heard_ns = heard;
        payload.sent_ns = static_cast<std::uint64_t>(sent);
        payload.least_transit_ns = least;
        EXPECT_THAT(SaidParagraph(payload, kClocks), HasSubstr("clock "));
        EXPECT_TRUE(SaidJson(payload, kClocks)["delay_ns"] >= 0);
      }
    }
  }
}

}  // namespace
}  // namespace flatline::cli
