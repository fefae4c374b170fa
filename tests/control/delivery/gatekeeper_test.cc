// Who is let in by which token, to see what; and who is sent away when the file has been read anew.
// Real sessions, by bytes and invented time, over an invented region.
#include "control/delivery/gatekeeper.h"

#include "control/delivery/outlet.h"
#include "control/service.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr Duration kExpiry{86'400'000'000'000};
constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};

// A connection, and what it has heard.
class Peer final : public Carrier {
 public:
  Peer(Outlet& outlet, Session::Origin origin, Instant& now)
      : outlet_(&outlet), session_(&outlet.Open(origin, now)), now_(&now) {
    session_->CarryBy(*this);
  }

  ~Peer() override { outlet_->Close(*session_); }

  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Attend() override {
    while (!stuck && !session_->ready().empty()) {
      const auto bytes = session_->ready();
      const std::size_t at = heard_.size();
      heard_.resize(at + bytes.size() / sizeof(DeliveryRecord));
      std::memcpy(static_cast<void*>(&heard_[at]), bytes.data(), bytes.size());
      last_from = bytes.data();
      session_->Sent(bytes.size(), *now_);
    }
  }

  void Say(std::span<const std::byte> bytes) {
    session_->Receive(bytes, *now_, kWall);
    Attend();
  }

  void Ask(RequestKind kind, const std::string& text, std::span<const AdminEntry> entries = {}) {
    DeliveryRequest request;
    request.kind = kind;
    request.count = static_cast<std::uint32_t>(entries.size());
    request.text_bytes = static_cast<std::uint32_t>(text.size());
    Say(std::as_bytes(std::span{&request, 1}));
    Say(std::as_bytes(std::span(text)));
    Say(std::as_bytes(entries));
  }

  // The endpoints of the transitions or rows that it was told since.
  std::vector<EndpointId> Take(RecordKind kind = RecordKind::kLiveness) {
    std::vector<EndpointId> out;
    for (const DeliveryRecord& record : std::exchange(heard_, {})) {
      if (record.kind == kind) {
        out.push_back(record.endpoint);
      }
    }
    return out;
  }

  // How many endpoints of each group it was told of in summaries; at most one per group.
  [[nodiscard]] std::map<Group, std::uint64_t> Counted() const {
    std::map<Group, std::uint64_t> out;
    for (const DeliveryRecord& record : heard_) {
      if (record.kind == RecordKind::kSummary && record.to == 0) {
        out[record.group] = ReadSummary(record).endpoints();
      }
    }
    return out;
  }

  // What it was sent away with, or none.
  [[nodiscard]] std::string Error() const {
    if (heard_.empty() || heard_.back().kind != RecordKind::kError || !session_->finished()) {
      return "none";
    }
    std::array<char, kErrorTextSize + 1> text{};
    std::memcpy(text.data(),
                reinterpret_cast<const char*>(&heard_.back()) + kErrorTextOffset,
                kErrorTextSize);
    return std::to_string(heard_.back().reason) + " " + text.data();
  }

  [[nodiscard]] Session& session() { return *session_; }

  bool stuck = false;
  const void* last_from = nullptr;

 private:
  Outlet* outlet_;
  Session* session_;
  Instant* now_;
  std::vector<DeliveryRecord> heard_;
};

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base
class GatekeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    auto cursors = Cursors::Open(place_.options.directory + "/cursors", kExpiry);
    ASSERT_TRUE(cursors) << cursors.error();
    service_.KeepCursors(std::move(*cursors));
    service_.Join(region_.view());
  }

  [[nodiscard]] std::string path() const { return place_.options.directory + "/tokens"; }

  void Grant(const Tokens& tokens) {
    ASSERT_TRUE(WriteTokens(path(), tokens));
    service_.Reload();
  }

  std::unique_ptr<Peer> Connect(Session::Origin origin = Session::Origin::kTcp) {
    return std::make_unique<Peer>(outlet_, origin, now_);
  }

  std::unique_ptr<Peer> Subscribe(const std::string& text,
                                  RequestKind kind = RequestKind::kSubscribeFrom) {
    auto out = Connect();
    out->Ask(kind, text);
    return out;
  }

  std::string ErrorOf(const std::string& text) {
    const auto peer = Subscribe(text);
    return peer->Error();
  }

  void Turn(Duration later = Duration{1'000'000}) {
    now_ += later;
    ASSERT_TRUE(service_.Turn(now_, kWall));
    outlet_.Turn(now_, kWall);
  }

  // Endpoints 1 to 4 are alive; n has group n % 4.
  void Watch() {
    for (const EndpointId id : {EndpointId{1}, EndpointId{2}, EndpointId{3}, EndpointId{4}}) {
      auto& record = region_.view().records()[id];
      record.state.store(EndpointState{Liveness::kAlive, {}, 1}.Pack());
      region_.view().groups()[id].store(static_cast<Group>(id % 4));
      record.id.store(id);
    }
  }

  // A second: in it everybody is looked at.
  void TurnForASecond() {
    for (int i = 0; i < 100; ++i) {
      Turn(Duration{10'000'000});
    }
  }

  // Endpoint n has group n % 4.
  void Fill(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      DeliveryRecord record = RecordFor(service_.journal().newest() + 1);
      record.group = static_cast<Group>(record.endpoint % 4);
      ASSERT_EQ(service_.journal().Append({&record, 1}, now_), 1U);
    }
  }

  Instant now_{Duration{1'000'000'000'000}};
  InventedRegion region_{{}};
  JournalInADirectory place_{63, 3};
  Service service_{{.bookmark = Duration{1'000'000'000},
                    .subscribers = 100,
                    .first_serial = 1,
                    .tokens = place_.options.directory + "/tokens"},
                   place_.Open()};
  Outlet outlet_{
      service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>()};
  const Token some_{.name = "some", .hash = HashOf("flt_some"), .filter = "group:1,3"};
  const Token all_{.name = "all", .hash = HashOf("flt_all"), .may_administer = true};
};

TEST_F(GatekeeperTest, RefusesWhoShowsNoneOrAWrongOneAndCountsIt) {
  EXPECT_EQ(ErrorOf("token=flt_all\n"), "11 not known, or revoked") << "there is no file yet";
  Grant({some_, all_});
  EXPECT_EQ(ErrorOf("token=flt_all\n"), "none");
  EXPECT_EQ(ErrorOf(""), "11 a token is needed here");
  EXPECT_EQ(ErrorOf("token=flt_allx\n"), "11 not known, or revoked");
  EXPECT_EQ(ErrorOf("token=all\n"), "11 not known, or revoked");
  EXPECT_EQ(service_.dismissals().refused(DeliveryError::kBadToken), 4U);
  auto local = Connect(Session::Origin::kLocal);
  local->Ask(RequestKind::kSubscribeNow, "");
  EXPECT_EQ(local->Error(), "none");
  auto counts = Connect(Session::Origin::kLocal);
  counts->Ask(RequestKind::kSubscribeNow, "token=flt_x\n");
  EXPECT_EQ(counts->Error(), "11 not known, or revoked") << "what is shown counts";
}

TEST_F(GatekeeperTest, TellsNobodyWhatHisTokenDoesNotGrant) {
  Grant({some_, all_});
  const auto narrow = Subscribe("token=flt_some\n");
  const auto narrower = Subscribe("token=flt_some\nfilter=group:1,2\n");
  const auto wide = Subscribe("token=flt_all\n");
  Fill(8);
  Turn();
  EXPECT_THAT(wide->Take().size(), 8U);
  EXPECT_THAT(narrow->Take(), ElementsAre(1, 3, 5, 7));
  EXPECT_THAT(narrower->Take(), ElementsAre(1, 5));
}

TEST_F(GatekeeperTest, NoExpressionGetsOutOfItsToken) {
  Grant({some_});
  for (const char* const trick :
       {"group:1) or (group:0", "id:1-100 or group:0", "not group:3", "group:0 or not group:0"}) {
    const auto peer = Subscribe("token=flt_some\nfilter=" + std::string(trick) + "\n");
    Fill(8);
    Turn();
    for (const EndpointId endpoint : peer->Take()) {
      EXPECT_EQ(endpoint % 2, 1U) << trick;
    }
  }
  EXPECT_EQ(ErrorOf("token=flt_some\nfilter=group:1) or (group:0\n").substr(0, 13),
            "10 column 8: ");
  const std::string deep = std::string(63, '(') + "group:1" + std::string(63, ')');
  EXPECT_THAT(ErrorOf("token=flt_some\nfilter=" + deep + "\n"), HasSubstr("beside your token's"));
}

TEST_F(GatekeeperTest, NoSummaryCountsWhatATokenDoesNotGrant) {
  Watch();
  Grant({some_,
         all_,
         {.name = "g", .hash = HashOf("flt_g"), .groups = {2}},
         {.name = "dead", .hash = HashOf("flt_dead"), .filter = "liveness:dead"}});
  const auto summary = [&](const std::string& token, const std::string& filter = "") {
    return Subscribe("token=" + token + "\nsummary=100\n" + filter, RequestKind::kSubscribeNow);
  };
  const auto some = summary("flt_some");
  const auto three = summary("flt_some", "filter=group:2,3\n");
  const auto two = summary("flt_g");
  const auto all = summary("flt_all");
  TurnForASecond();
  EXPECT_THAT(some->Counted(), ElementsAre(Pair(1, 1), Pair(3, 1)));
  EXPECT_THAT(three->Counted(), ElementsAre(Pair(3, 1)));
  EXPECT_THAT(two->Counted(), ElementsAre(Pair(2, 1)));
  EXPECT_THAT(all->Counted(), ElementsAre(Pair(0, 1), Pair(1, 1), Pair(2, 1), Pair(3, 1)));
  EXPECT_EQ(summary("flt_dead")->Error(), "1 summary: no filter by liveness:");
}

TEST_F(GatekeeperTest, LimitsASnapshotToo) {
  Watch();
  Grant({some_});
  const auto peer = Subscribe("token=flt_some\n", RequestKind::kSubscribeSnapshot);
  TurnForASecond();
  EXPECT_THAT(peer->Take(RecordKind::kSnapshotRow), testing::UnorderedElementsAre(1, 3));
}

TEST_F(GatekeeperTest, WhoShowTheSameAndAskTheSameShareAStream) {
  Grant({some_, all_});
  const auto first = Subscribe("token=flt_some\nfilter=id:1-100\n");
  const auto second = Subscribe("filter=id:1-100\ntoken=flt_some\n");
  const auto other = Subscribe("token=flt_all\nfilter=id:1-100\n");
  EXPECT_EQ(first->session().subscriber()->stream, second->session().subscriber()->stream);
  EXPECT_NE(first->session().subscriber()->stream, other->session().subscriber()->stream);
  Turn();
  Fill(8);
  Turn();
  EXPECT_EQ(first->last_from, second->last_from) << "encoded once";
}

TEST_F(GatekeeperTest, GroupsAreThoseOfBoth) {
  Gatekeeper gatekeeper(path());
  ASSERT_TRUE(WriteTokens(path(), {{.name = "g", .hash = HashOf("flt_g"), .groups = {2, 5}}}));
  ASSERT_TRUE(gatekeeper.Reload());
  const auto groups_of = [&](std::vector<Group> asked) {
    Request request;
    request.text.token = "flt_g";
    request.groups = std::move(asked);
    return gatekeeper.Admit(request, false) ? request.groups : std::vector<Group>{};
  };
  EXPECT_THAT(groups_of({}), ElementsAre(2, 5));
  EXPECT_THAT(groups_of({1, 5, 9}), ElementsAre(5));
  EXPECT_THAT(groups_of({1, 9}), IsEmpty()) << "refused";
}

TEST_F(GatekeeperTest, ACursorIsItsTokensAlone) {
  Grant({some_, all_});
  const auto mine = Subscribe("token=flt_all\ncursor=c\n");
  const auto theirs = Subscribe("token=flt_some\ncursor=c\n");
  TurnForASecond();
  EXPECT_EQ(mine->Error(), "none") << "nobody took it";
  const auto again = Subscribe("token=flt_all\ncursor=c\n");
  TurnForASecond();
  EXPECT_THAT(mine->Error(), HasSubstr("another connection"));
  EXPECT_EQ(theirs->Error(), "none");
  EXPECT_THAT(ErrorOf("token=flt_some\ncursor=" + std::string(60, 'c') + "\n"),
              HasSubstr("too long beside your token"));
}

TEST_F(GatekeeperTest, AReloadSendsAwayWhoseTokenIsGoneOrGrantsLess) {
  const Token wider{.name = "wider", .hash = HashOf("flt_wider"), .groups = {1}};
  const Token less{.name = "less", .hash = HashOf("flt_less"), .groups = {1, 2}};
  Grant({some_, all_, wider, less});
  const auto revoked = Subscribe("token=flt_some\n");
  const auto stays = Subscribe("token=flt_all\n");
  const auto widens = Subscribe("token=flt_wider\n");
  const auto shrinks = Subscribe("token=flt_less\n");
  auto local = Connect(Session::Origin::kLocal);
  local->Ask(RequestKind::kSubscribeNow, "");
  TurnForASecond();
  Grant({all_,
         {.name = "wider", .hash = wider.hash, .groups = {1, 3}},
         {.name = "less", .hash = less.hash, .groups = {1}}});
  TurnForASecond();
  EXPECT_EQ(revoked->Error(), "11 your token was revoked");
  EXPECT_EQ(shrinks->Error(), "6 your token's rights changed: ask again");
  EXPECT_EQ(stays->Error(), "none");
  EXPECT_EQ(widens->Error(), "none");
  EXPECT_EQ(local->Error(), "none");
  Fill(4);
  Turn();
  EXPECT_EQ(stays->Take().size(), 4U);
  EXPECT_THAT(widens->Take(), ElementsAre(5)) << "as it asked, until it asks again";
  EXPECT_EQ(service_.dismissals().refused(DeliveryError::kBadToken), 1U);
}

TEST_F(GatekeeperTest, ARevokedOneThatDoesNotReadIsClosedAllTheSame) {
  Grant({all_});
  const auto peer = Subscribe("token=flt_all\n");
  Turn();
  peer->stuck = true;
  Fill(10);
  Turn();
  Grant({});
  TurnForASecond();
  EXPECT_FALSE(peer->session().IsStuck(now_));
  for (int second = 0; second < 11; ++second) {
    TurnForASecond();
  }
  EXPECT_TRUE(peer->session().IsStuck(now_));
}

TEST_F(GatekeeperTest, ABadFileLeavesTheOldInForceAndSaysWhere) {
  Gatekeeper gatekeeper(path());
  EXPECT_THAT(gatekeeper.Reload().error(), HasSubstr("nobody is let in over TCP"));
  Grant({all_});
  ASSERT_TRUE(gatekeeper.Reload());
  const auto peer = Subscribe("token=flt_all\n");
  std::ofstream(path(), std::ios::app) << "bad line\n";
  EXPECT_THAT(gatekeeper.Reload().error(),
              AllOf(HasSubstr("line 3: needed a name"), HasSubstr("the tokens before stay")));
  service_.Reload();
  TurnForASecond();
  EXPECT_EQ(peer->Error(), "none");
  EXPECT_EQ(ErrorOf("token=flt_all\n"), "none");
}

TEST_F(GatekeeperTest, AdministersOverTcpWhoseTokenSaysSo) {
  Grant({some_, all_});
  const std::array<AdminEntry, 1> entries{{{.id = 7, .command = 1}}};
  const auto ask = [&](const std::string& text) {
    auto out = Connect();
    out->Ask(RequestKind::kAdminister, text, entries);
    return out;
  };
  EXPECT_EQ(ask("")->Error(), "11 a token is needed here");
  EXPECT_EQ(ask("token=flt_some\n")->Error(), "6 this token may not administer");
  EXPECT_EQ(ask("token=flt_all\ncursor=c\n")->Error(), "1 an administrator shows a token, no more");
  const auto administrator = ask("token=flt_all\n");
  TurnForASecond();
  EXPECT_EQ(administrator->Error(), "none");
  Grant({some_});
  TurnForASecond();
  EXPECT_EQ(administrator->Error(), "11 your token was revoked");
}

TEST_F(GatekeeperTest, AStrangersEntriesAreNotWaitedFor) {
  Grant({all_});
  const std::string text = "token=flt_wrong\n";
  DeliveryRequest request;
  request.kind = RequestKind::kAdminister;
  request.count = kMaxAdminEntries;
  request.text_bytes = static_cast<std::uint32_t>(text.size());
  const auto peer = Connect();
  peer->Say(std::as_bytes(std::span{&request, 1}));
  EXPECT_EQ(peer->Error(), "none");
  peer->Say(std::as_bytes(std::span(text)));
  EXPECT_EQ(peer->Error(), "11 not known, or revoked");
}

TEST_F(GatekeeperTest, TakesNoTokenWhereThereAreNone) {
  Gatekeeper gatekeeper("");
  Request with;
  with.text.token = "flt_x";
  EXPECT_EQ(gatekeeper.Admit(with, false).error().error, DeliveryError::kBadToken);
  Request without;
  EXPECT_TRUE(gatekeeper.Admit(without, false));
  EXPECT_EQ(gatekeeper.AdmitAdministrator("", false).error().error, DeliveryError::kNotPermitted);
  EXPECT_TRUE(gatekeeper.AdmitAdministrator("", true));
}

}  // namespace
}  // namespace flatline
