// Who is served when: streams encoded once for all who want the same, batches held back by size and
// by age, subscribers far behind, acknowledgements. Bytes and invented time, over a real journal.
#include "control/delivery/outlet.h"

#include "control/service.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kMillisecond{1'000'000};
constexpr Duration kExpiry{86'400'000'000'000};
constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};

// Takes what its session has ready whenever it is told to, unless it is stuck.
class Reader final : public Carrier {
 public:
  Reader(Outlet& outlet, Instant& now)
      : session_(&outlet.Open(Session::Origin::kTcp, now)), now_(&now) {
    session_->CarryBy(*this);
  }

  void Attend() override {
    while (!stuck && !session_->ready().empty()) {
      const auto bytes = session_->ready();
      last_from = bytes.data();
      const std::size_t at = records_.size();
      records_.resize(at + bytes.size() / sizeof(DeliveryRecord));
      std::memcpy(static_cast<void*>(&records_[at]), bytes.data(), bytes.size());
      ++sends;
      session_->Sent(bytes.size(), *now_);
    }
  }

  void Subscribe(const DeliveryRequest& request, const std::vector<Group>& groups = {}) {
    Say(request);
    for (const Group group : groups) {
      Say(group);
    }
    Attend();
  }

  template <typename T>
  void Say(const T& value) {
    session_->Receive(std::as_bytes(std::span{&value, 1}), *now_, kWall);
    Attend();
  }

  // The sequences of the journal's records heard since, and forgets them.
  std::vector<std::uint64_t> Take() {
    std::vector<std::uint64_t> out;
    for (const DeliveryRecord& record : std::exchange(records_, {})) {
      EXPECT_EQ(record.crc, SealOf(record));
      if (record.kind == RecordKind::kLiveness) {
        out.push_back(record.sequence);
      }
      last_kind = record.kind;
    }
    return out;
  }

  [[nodiscard]] Session& session() { return *session_; }

  bool stuck = false;
  int sends = 0;
  const void* last_from = nullptr;
  RecordKind last_kind = RecordKind::kHello;

 private:
  Session* session_;
  Instant* now_;
  std::vector<DeliveryRecord> records_;
};

class OutletTest : public testing::Test {
 protected:
  void SetUp() override {
    auto cursors = Cursors::Open(place_.options.directory + "/cursors", kExpiry);
    ASSERT_TRUE(cursors) << cursors.error();
    service_.KeepCursors(std::move(*cursors));
  }

  void Fill(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      DeliveryRecord record = RecordFor(service_.journal().newest() + 1);
      record.group = static_cast<Group>(record.endpoint % 4);
      ASSERT_EQ(service_.journal().Append({&record, 1}, now_), 1U);
    }
  }

  void Turn(Duration later = Duration{1000}) {
    now_ += later;
    outlet_.Turn(now_, kWall);
  }

  static DeliveryRequest From(std::uint64_t sequence, std::uint32_t groups = 0) {
    DeliveryRequest out;
    out.kind = RequestKind::kSubscribeFrom;
    out.sequence = sequence;
    out.count = groups;
    return out;
  }

  Instant now_{Duration{1'000'000'000'000}};
  JournalInADirectory place_{8191, 4};
  Service service_{{.bookmark = Duration{1'000'000'000}, .subscribers = 100, .first_serial = 1},
                   place_.Open()};
  Outlet outlet_{
      service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>()};
};

TEST_F(OutletTest, WhoWantTheSameAreSentTheSameBytes) {
  Reader first(outlet_, now_);
  Reader second(outlet_, now_);
  Reader other(outlet_, now_);
  first.Subscribe(From(0, 1), {3});
  second.Subscribe(From(0, 1), {3});
  other.Subscribe(From(0, 1), {2});
  Turn();
  Fill(8);
  Turn();
  EXPECT_THAT(first.Take(), ElementsAre(3, 7));
  EXPECT_THAT(second.Take(), ElementsAre(3, 7));
  EXPECT_THAT(other.Take(), ElementsAre(2, 6));
  EXPECT_EQ(first.last_from, second.last_from) << "encoded once";
  EXPECT_NE(first.last_from, other.last_from);
}

TEST_F(OutletTest, ALateOneCatchesUpWithTheSharedStream) {
  Reader early(outlet_, now_);
  early.Subscribe(From(0, 1), {1});
  Turn();
  const std::size_t filled = 4 * (Stream::kMostChunks + 4) * Stream::kChunkRecords / 4;
  Fill(filled);  // a quarter is wanted
  Reader late(outlet_, now_);
  late.Subscribe(From(0, 1), {1});
  for (int i = 0; i < 200; ++i) {
    Turn();
  }
  const auto heard = early.Take();
  EXPECT_EQ(heard.size(), filled / 4);
  EXPECT_EQ(late.Take(), heard);
  Fill(4);
  Turn();
  EXPECT_EQ(early.Take(), late.Take());
  EXPECT_EQ(early.last_from, late.last_from);
}

TEST_F(OutletTest, WhoFellBehindTogetherAreSentTheSameBytes) {
  DeliveryRequest deaths = From(0);
  deaths.liveness_mask = 1U << static_cast<unsigned>(Liveness::kDead);
  Reader early(outlet_, now_);
  early.Subscribe(deaths);
  Turn();
  const std::size_t filled = (Stream::kMostChunks + 4) * Stream::kChunkRecords;
  Fill(filled);
  for (int i = 0; i < 50; ++i) {
    Turn();
  }
  EXPECT_EQ(early.Take().size(), filled) << "the window has moved on";
  Reader late(outlet_, now_);
  Reader later(outlet_, now_);
  for (Reader* const reader : {&late, &later}) {
    reader->Subscribe(deaths);
    reader->stuck = true;
  }
  Turn();
  EXPECT_EQ(late.session().ready().size(), Stream::kChunkRecords * sizeof(DeliveryRecord));
  EXPECT_EQ(late.session().ready().data(), later.session().ready().data());
}

TEST_F(OutletTest, HoldsABatchBackUntilItIsOldEnough) {
  Reader reader(outlet_, now_);
  DeliveryRequest request = From(0);
  request.batch_age_us = 10'000;
  reader.Subscribe(request);
  Turn();
  Fill(1);
  Turn();
  Fill(1);
  Turn(9 * kMillisecond);
  EXPECT_THAT(reader.Take(), IsEmpty());
  EXPECT_LE(outlet_.next_turn(), now_ + kMillisecond);
  Turn(kMillisecond);
  EXPECT_THAT(reader.Take(), ElementsAre(1, 2));
}

TEST_F(OutletTest, ClosesABatchThatIsLargeEnough) {
  Reader reader(outlet_, now_);
  DeliveryRequest request = From(0);
  request.batch_age_us = 10'000;
  request.batch_bytes = 3 * sizeof(DeliveryRecord);
  reader.Subscribe(request);
  Turn();
  Fill(2);
  Turn();
  EXPECT_THAT(reader.Take(), IsEmpty());
  Fill(1);
  Turn();
  EXPECT_THAT(reader.Take(), ElementsAre(1, 2, 3));
  EXPECT_EQ(reader.sends, 2) << "the greeting, and one batch";
}

TEST_F(OutletTest, AStuckOneHoldsNobodyUp) {
  Reader good(outlet_, now_);
  Reader bad(outlet_, now_);
  good.Subscribe(From(0));
  bad.Subscribe(From(0));
  bad.stuck = true;
  std::size_t heard = 0;
  for (int round = 0; round < 100; ++round) {
    Fill(1000);
    Turn();
    heard += good.Take().size();
  }
  EXPECT_EQ(heard, 100'000U);
  EXPECT_TRUE(bad.session().IsStuck(now_));
  bad.stuck = false;
  bad.Attend();
  Turn();
  Turn();
  bad.Take();
  EXPECT_EQ(bad.last_kind, RecordKind::kLiveness) << "behind a gap, and up to the newest";
}

TEST_F(OutletTest, BookmarksEachIdleOneInTime) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(std::make_unique<Reader>(outlet_, now_));
    readers.back()->Subscribe(From(0));
  }
  for (int i = 0; i < 1300; ++i) {
    Turn(kMillisecond);
  }
  for (const auto& reader : readers) {
    EXPECT_EQ(reader->sends, 2) << "the greeting and a bookmark";
  }
}

TEST_F(OutletTest, TakesAcknowledgementsAndNothingElse) {
  Reader reader(outlet_, now_);
  reader.Subscribe(From(0));
  Fill(5);
  Turn();
  reader.Take();
  reader.Say(DeliveryAcknowledgement{.sequence = 3});
  reader.Say(DeliveryAcknowledgement{.sequence = 5});
  const DeliveryAcknowledgement again{.sequence = 5};
  const auto bytes = std::as_bytes(std::span{&again, 1});
  for (const std::byte byte : bytes) {
    reader.Say(byte);  // one at a time
  }
  reader.Say(std::array<DeliveryAcknowledgement, 3>{again, {.sequence = 4}, again});
  EXPECT_THAT(reader.Take(), IsEmpty());
  EXPECT_NE(reader.last_kind, RecordKind::kError);
  reader.Say(DeliveryAcknowledgement{.sequence = 6});  // was never sent
  reader.Take();
  EXPECT_EQ(reader.last_kind, RecordKind::kError);
}

TEST_F(OutletTest, FindsWhoPromisedToAcknowledgeAndIsSilent) {
  Reader silent(outlet_, now_);
  Reader talking(outlet_, now_);
  DeliveryRequest request = From(0);
  request.options = kAcknowledges;
  silent.Subscribe(request);
  talking.Subscribe(request);
  for (Duration passed{}; passed <= Session::kMostSilence; passed += Duration{kKeepAliveNs}) {
    Turn(Duration{kKeepAliveNs});
    talking.Say(DeliveryAcknowledgement{});
  }
  EXPECT_TRUE(silent.session().IsStuck(now_));
  EXPECT_FALSE(talking.session().IsStuck(now_));
}

TEST_F(OutletTest, GoesOnWhereItsCursorStands) {
  const std::string text = "cursor=billing\n";
  DeliveryRequest request;  // from now, if the cursor is new
  request.text_bytes = static_cast<std::uint32_t>(text.size());
  const auto subscribe = [&](Reader& reader) {
    reader.Subscribe(request);
    reader.session().Receive(std::as_bytes(std::span{text}), now_, kWall);
    reader.Attend();
    Turn();
  };
  Fill(3);
  Reader first(outlet_, now_);
  subscribe(first);
  Fill(4);
  Turn();
  EXPECT_THAT(first.Take(), ElementsAre(4, 5, 6, 7));
  first.Say(DeliveryAcknowledgement{.sequence = 5});
  Reader second(outlet_, now_);
  subscribe(second);
  EXPECT_THAT(second.Take(), ElementsAre(6, 7)) << "dealt with, and not acknowledged";
  Turn(Duration{1'000'000'000});
  first.Take();
  EXPECT_EQ(first.last_kind, RecordKind::kError) << "another one has its cursor";
  EXPECT_TRUE(first.session().finished());
}

TEST_F(OutletTest, ComesAndGoesWithoutATrace) {
  for (int round = 0; round < 300; ++round) {
    Reader one(outlet_, now_);
    Reader two(outlet_, now_);
    one.Subscribe(From(0, 1), {static_cast<Group>(round % 7)});
    two.Subscribe(From(0));
    Fill(3);
    if (round % 3 != 0) {
      Turn();
    }
    outlet_.Close(one.session());
    Turn();
    outlet_.Close(two.session());
  }
  Turn();
  EXPECT_EQ(outlet_.sessions(), 0U);
}

}  // namespace
}  // namespace flatline
