// `flatline lease` over a region made by hand, and `flatline lease begin`; and leases in the words
// of `flatline watch`.
#include "control/cli/lease_text.h"
#include "control/cli/record_text.h"
#include "tests/cli/region_verbs.h"

#include <flatline/lease.h>
#include <flatline/lease_epoch.h>

#include <nlohmann/json.hpp>
#include <string>

#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

class LeaseVerb : public RegionVerbs {
 protected:
  LeaseVerb() {
    for (unsigned worker = 0; worker < 2; ++worker) {
      disk_.view().lease_state(worker).grants.store(1);
    }
  }

  void Hold(const LeaseName& name, EndpointId holder, FencingToken token, Duration left) {
    const RegionView& view = disk_.view();
    const unsigned owner = ShardOf(HashLease(name, view.header().hash_key), 2);
    view.leases(owner)[next_++].Write(
        {.number = name.number,
         .token = token,
         .holder = holder,
         .expires_ns = (MonotonicNow() + left).time_since_epoch().count(),
         .incarnation = 3,
         .group = 5,
         .term_ms = 10'000,
         .space = name.space});
  }

  std::size_t next_ = 0;
};

TEST_F(LeaseVerb, ShowsHoldersWithTermAndToken) {
  Hold({.space = LeaseSpace::kLeader, .number = 5}, 7, TokenOf(1, 9), Milliseconds(60'000));
  Hold({.number = 42}, 8, TokenOf(1, 10), Milliseconds(60'000));
  const Ran ran = Run({"lease"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_LT(ran.out.find("name:42"), ran.out.find("leader:5")) << ran.out;
  EXPECT_NE(ran.out.find("1099511627785"), std::string::npos) << ran.out;
  const Ran json = Run({"lease", "--json"});
  const auto first = nlohmann::json::parse(json.out.substr(0, json.out.find('\n')));
  EXPECT_EQ(first["lease"], "name:42");
  EXPECT_EQ(first["holder"], 8);
  EXPECT_EQ(first["token"], TokenOf(1, 10));
  EXPECT_GT(first["left_ns"], 50'000'000'000);
}

TEST_F(LeaseVerb, SaysWhyNothingIsGranted) {
  disk_.view().lease_state(1).waits_until_ns.store(
      (MonotonicNow() + Milliseconds(60'000)).time_since_epoch().count());
  EXPECT_NE(Run({"lease"}).err.find("began cold"), std::string::npos);
  disk_.view().lease_state(0).grants.store(0);
  EXPECT_NE(Run({"lease"}).err.find("not usable"), std::string::npos);
}

TEST_F(LeaseVerb, BeginsTheEpochOnce) {
  const std::string path = disk_.directory() + "/epoch";
  const Ran begun = Run({"lease", "begin", "--file", path});
  EXPECT_EQ(begun.code, 0) << begun.err;
  EXPECT_EQ(ReadLeaseEpoch(path).value().epoch, 0U);
  EXPECT_EQ(Run({"lease", "begin", "--file", path}).code, 1);
  ::unlink(path.c_str());
  const Ran above =
      Run({"lease", "begin", "--file", path, "--above", std::to_string(TokenOf(6, 3))});
  EXPECT_EQ(above.code, 0) << above.err;
  EXPECT_EQ(ReadLeaseEpoch(path).value().epoch, 6U);
  EXPECT_EQ(Run({"lease", "begin", "--file", path, "--above", "7"}).code, 2);
  ::unlink(path.c_str());
}

// An epoch too low hands out tokens again, one too high leaves none to hand out.
TEST_F(LeaseVerb, BeginsAboveNothingButAToken) {
  const std::string path = disk_.directory() + "/epoch";
  for (const std::string& above : {std::string(),
                                   std::string("0"),
                                   std::string("-1"),
                                   std::string("-5"),
                                   std::string("18446744073709551615"),
                                   std::string("99999999999999999999999"),
                                   std::to_string(TokenOf(1, 0) - 1),
                                   std::to_string(TokenOf(kMostLeaseEpoch, 0))}) {
    EXPECT_EQ(Run({"lease", "begin", "--file", path, "--above", above}).code, 2) << above;
    EXPECT_FALSE(ReadLeaseEpoch(path)) << above;
  }
  const std::string last = std::to_string(TokenOf(kMostLeaseEpoch - 1, kMostTokenCounter));
  EXPECT_EQ(Run({"lease", "begin", "--file", path, "--above", last}).code, 0);
  EXPECT_EQ(ReadLeaseEpoch(path).value().epoch, kMostLeaseEpoch - 1);
  ::unlink(path.c_str());
}

TEST(LeaseText, ReadsTheNamesThatItWrites) {
  for (const LeaseName& name : {LeaseName{.number = 42},
                                LeaseName{.space = LeaseSpace::kOwn, .number = 1},
                                LeaseName{.space = LeaseSpace::kLeader, .number = ~0ULL}}) {
    EXPECT_EQ(ParseLeaseName(LeaseNameText(name)).value(), name);
  }
  EXPECT_EQ(ParseLeaseName("42").value(), LeaseName{.number = 42});
  for (const char* const bad :
       {"", "leader", "leader:", "boss:7", "name:x", "7 ", "-1", "own:7:8"}) {
    EXPECT_FALSE(ParseLeaseName(bad)) << bad;
  }
}

TEST(LeaseText, TellsARecord) {
  DeliveryRecord record;
  record.kind = RecordKind::kLease;
  record.endpoint = 7;
  record.group = 5;
  record.from = static_cast<std::uint8_t>(LeaseSpace::kLeader);
  record.to = 1;
  record.silence_ns = 5;
  record.reason = static_cast<std::uint8_t>(Reason::kLeaseGranted);
  record.incarnation = 1U << 8;
  record.heartbeat_sequence = 9;
  EXPECT_NE(RecordText(record, "web-7")
                .find("lease leader:5 is held by endpoint 7 (web-7) (lease-granted), token "
                      "1099511627785, group 5"),
            std::string::npos)
      << RecordText(record, "web-7");
  const auto json = RecordJson(record, "");
  EXPECT_EQ(json["kind"], "lease");
  EXPECT_EQ(json["lease"], "leader:5");
  EXPECT_EQ(json["token"], TokenIn(record));
  EXPECT_EQ(json["held"], true);
  EXPECT_FALSE(json.contains("name"));
  EXPECT_EQ(RecordJson(record, "web-7")["name"], "web-7");
}

}  // namespace
}  // namespace flatline::cli
