// What is odd and no death: found in the table by a reader, told by get, list and status.
#include "control/cli/oddities.h"

#include "tests/cli/region_verbs.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using Ids = std::set<EndpointId>;

constexpr ProfileId kEverySecond = 2;
constexpr float kSecond = 1e9F / 65'536;  // in stamp units

class OdditiesTest : public RegionVerbs {
 protected:
  Slot PutAlive(EndpointId id) {
    return Put(id,
               {.liveness = Liveness::kAlive, .health = Health::kReady, .profile = kEverySecond},
               1,
               MonotonicNow());
  }

  void Keep(Slot slot, float interval, std::uint32_t gaps = 100) const {
    disk_.view().records()[slot].arrival.store(
        Arrival{.interval = interval, .variance = 0, .lead = 0, .count = gaps}.Pack());
  }

  void TellClock(EndpointId id, Duration ahead, std::uint8_t port = 0) const {
    const Clocks clocks = ReadClocks();
    Payload said{.id = id, .heard_ns = clocks.now.time_since_epoch().count()};
    said.port = port;
    said.sent_ns = static_cast<std::uint64_t>((clocks.wall.time_since_epoch() + ahead).count());
    const RegionView& region = disk_.view();
    const unsigned owner =
        ShardOf(HashEndpoint(id, region.header().hash_key), region.shape().workers);
    for (PayloadEntry& entry : region.payloads(owner)) {
      if (OwnerOf(entry) == kNoEndpoint) {
        WritePayload(entry, said);
        return;
      }
    }
    FAIL() << "no entry is free";
  }

  [[nodiscard]] Ids List(const std::vector<std::string>& odd) const {
    std::vector<std::string> arguments{"list", "--json", "--odd"};
    arguments.insert(arguments.end(), odd.begin(), odd.end());
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    Ids out;
    std::istringstream in(ran.out);
    for (std::string line; std::getline(in, line);) {
      out.insert(json::parse(line)["endpoint"].get<EndpointId>());
    }
    return out;
  }

  [[nodiscard]] json Odd(EndpointId id) const {
    return json::parse(Run({"get", std::to_string(id), "--json"}).out)["odd"];
  }
};

TEST_F(OdditiesTest, NoneOfTheWell) {
  Keep(PutAlive(1), kSecond);
  TellClock(1, Milliseconds(200));
  EXPECT_EQ(Odd(1), json::array());
  EXPECT_THAT(Run({"get", "1"}).out, Not(HasSubstr("odd ")));
  EXPECT_EQ(List({}), Ids{});
}

TEST_F(OdditiesTest, NeverHeard) {
  const auto forget_source = [this](Slot slot) { disk_.view().addresses()[slot] = {}; };
  forget_source(Put(1, {.profile = kEverySecond}, 1, MonotonicNow()));
  forget_source(Put(2, {.liveness = Liveness::kDead, .profile = kEverySecond}, 1, MonotonicNow()));
  Put(3, {.liveness = Liveness::kDead, .profile = kEverySecond}, 1, MonotonicNow());
  EXPECT_EQ(List({"never-heard"}), (Ids{1, 2})) << "3 was";
  EXPECT_EQ(Odd(2), json::array({"never-heard"}));
}

TEST_F(OdditiesTest, ByAnotherPort) {
  for (EndpointId id = 1; id <= 3; ++id) {
    PutAlive(id);
  }
  TellClock(1, Milliseconds(0), 3);
  TellClock(2, Milliseconds(0), 0);
  EXPECT_EQ(List({"other-port"}), Ids{1}) << "of 3 nothing is known";
  EXPECT_THAT(Run({"get", "1"}).out, HasSubstr("odd          other-port\n"));
  EXPECT_THAT(Run({"get", "1"}).out, HasSubstr(" by port 0\n")) << "where it is usual";
  EXPECT_EQ(json::parse(Run({"get", "1", "--json"}).out)["said"]["port"], 3);
}

TEST_F(OdditiesTest, AnotherIntervalThanPromised) {
  Keep(PutAlive(1), kSecond * 2);
  Keep(PutAlive(2), kSecond / 10);
  Keep(PutAlive(3), kSecond * 1.2F);
  Keep(PutAlive(4), kSecond * 0.8F);
  Keep(PutAlive(5), kSecond * 2, 15);
  EXPECT_EQ(List({"interval"}), (Ids{1, 2})) << "5 has too few gaps to say";
  disk_.view().header().profiles[kEverySecond].detector = DetectorKind::kLearnt;
  EXPECT_EQ(List({"interval"}), Ids{}) << "whatever they keep is well there";
}

TEST_F(OdditiesTest, AClockFarOff) {
  for (EndpointId id = 1; id <= 4; ++id) {
    PutAlive(id);
  }
  TellClock(1, Milliseconds(5'000));
  TellClock(2, -Milliseconds(5'000));
  TellClock(3, Milliseconds(100));
  EXPECT_EQ(List({"clock"}), (Ids{1, 2}));
  EXPECT_THAT(Run({"status", "--odd"}).out, HasSubstr("2 of 3 with a clock far off\n"));
}

TEST_F(OdditiesTest, AreListedWithTheirNamesAndCounted) {
  const Slot slot = PutAlive(1);
  Keep(slot, kSecond * 2);
  TellClock(1, Milliseconds(0), 1);
  Keep(PutAlive(2), kSecond * 2);
  Keep(PutAlive(3), kSecond);
  EXPECT_EQ(List({}), (Ids{1, 2}));
  EXPECT_EQ(List({"never-heard,other-port"}), Ids{1});
  EXPECT_THAT(Run({"list", "--odd"}).out, HasSubstr("  other-port, interval\n"));
  EXPECT_THAT(Run({"list"}).out, Not(HasSubstr("other-port")));
  EXPECT_EQ(Run({"list", "--odd", "strange"}).code, 2);
  const json counts = json::parse(Run({"status", "--odd", "--json"}).out)["odd"];
  EXPECT_EQ(counts["other-port"], 1);
  EXPECT_EQ(counts["interval"], 2);
  EXPECT_EQ(counts["never-heard"], 0);
  EXPECT_FALSE(json::parse(Run({"status", "--json"}).out).contains("odd")) << "not for nothing";
}

}  // namespace
}  // namespace flatline::cli
