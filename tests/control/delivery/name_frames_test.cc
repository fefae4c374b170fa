// Names before the records of those who have one, on the stream and in snapshots: bytes and
// invented time, over a real journal, an invented region and a roster on the disk.
#include "control/delivery/name_frames.h"

#include "control/delivery/outlet.h"
#include "control/service.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"
#include "tests/control/roster/roster_on_disk.h"

#include <flatline/crc32c.h>
#include <flatline/names.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::Pair;

using Named = std::pair<EndpointId, std::string>;

// Endpoint and name of each record about somebody; parts of a name count as nothing.
std::vector<Named> NamedIn(const std::vector<DeliveryRecord>& records) {
  std::vector<Named> out;
  NameReader reader;
  for (const DeliveryRecord& record : records) {
    EXPECT_EQ(record.crc, SealOf(record));
    if (reader.Take(record) && record.endpoint != kNoEndpoint &&
        record.kind != RecordKind::kHello) {
      out.emplace_back(record.endpoint, reader.name());
    }
  }
  return out;
}

std::string NameOfLength(std::size_t length) {
  std::string out;
  for (std::size_t i = 0; i < length; ++i) {
    out += static_cast<char>('a' + i % 26);
  }
  return out;
}

class NameFramesTest : public testing::Test {
 protected:
  void SetUp() override {
    // As many bytes of name as the id says; who has a multiple of seven is not in it.
    std::string text = "id,name\n";
    for (std::size_t id = 1; id <= kMostNameBytes; ++id) {
      if (id % 7 != 0) {
        names_[id] = NameOfLength(id - 1) + "x";
        text += std::to_string(id) + "," + names_[id] + "\n";
      }
    }
    service_.filters().Follow(disk_.Loaded(text));
    service_.Join(region_.view());
    Turn();  // the reset of a new generation is journaled
  }

  void Turn() {
    now_ += Duration{100'000};
    ASSERT_TRUE(service_.Turn(now_, WallInstant{now_.time_since_epoch()}));
    outlet_.Turn(now_, WallInstant{now_.time_since_epoch()});
  }

  Session& Subscribe(RequestKind kind, std::uint64_t sequence = 0, Group group = kNoGroup) {
    DeliveryRequest request;
    request.kind = kind;
    request.sequence = sequence;
    request.options = kWantNames;
    request.count = group == kNoGroup ? 0 : 1;
    Session& session = outlet_.Open(Session::Origin::kTcp, now_);
    const WallInstant wall{now_.time_since_epoch()};
    session.Receive(std::as_bytes(std::span{&request, 1}), now_, wall);
    if (request.count == 1) {
      session.Receive(std::as_bytes(std::span{&group, 1}), now_, wall);
    }
    return session;
  }

  std::vector<DeliveryRecord> Hear(Session& session) {
    std::vector<DeliveryRecord> out;
    for (int silent = 0; silent < 5; Turn()) {
      const auto ready = session.ready();
      EXPECT_EQ(ready.size() % sizeof(DeliveryRecord), 0U);
      const std::size_t at = out.size();
      out.resize(at + ready.size() / sizeof(DeliveryRecord));
      if (!ready.empty()) {
        std::memcpy(static_cast<void*>(&out[at]), ready.data(), ready.size());
        last_from_ = ready.data();
      }
      silent = ready.empty() ? silent + 1 : 0;
      session.Sent(ready.size(), now_);
    }
    return out;
  }

  void Tell(EndpointId id) {
    DeliveryRecord record = RecordFor(id);
    record.group = static_cast<Group>(1 + id % 2);
    ASSERT_EQ(service_.journal().Append({&record, 1}, now_), 1U);
  }

  [[nodiscard]] std::string NameOf(EndpointId id) const {
    const auto at = names_.find(id);
    return at == names_.end() ? "" : at->second;
  }

  const RosterOnDisk disk_;
  std::map<EndpointId, std::string> names_;
  const void* last_from_ = nullptr;
  Instant now_{Duration{1'000'000'000'000}};
  InventedRegion region_{{.slots_per_worker = 1024}};
  JournalInADirectory place_{8191, 4};
  Service service_{{.bookmark = Duration{3'600'000'000'000}, .subscribers = 9, .first_serial = 1},
                   place_.Open()};
  Outlet outlet_{
      service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>()};
};

TEST(NameFrames, EveryLengthComesBack) {
  for (std::size_t length = 0; length <= kMostNameBytes; ++length) {
    const std::string name = NameOfLength(length);
    std::array<DeliveryRecord, kMostNameParts> parts;
    DeliveryRecord* const end = WriteName(name, 17, parts.data());
    ASSERT_EQ(static_cast<std::size_t>(end - parts.data()), NameFramesOf(name)) << length;
    NameReader reader;
    for (const DeliveryRecord* part = parts.data(); part != end; ++part) {
      EXPECT_EQ(part->sequence, 17U);
      EXPECT_FALSE(reader.Take(*part));
    }
    EXPECT_TRUE(reader.Take(RecordFor(1)));
    EXPECT_EQ(reader.name(), name);
    EXPECT_TRUE(reader.Take(RecordFor(2)));
    EXPECT_EQ(reader.name(), "") << "a name is of one record";
  }
}

TEST(NameFrames, ReaderKeepsItsBounds) {
  DeliveryRecord part;
  part.kind = RecordKind::kName;
  part.reason = 0xFF;
  NameReader reader;
  for (int i = 0; i < 100; ++i) {
    reader.Take(part);
  }
  reader.Take(RecordFor(1));
  EXPECT_EQ(reader.name().size(), kMostNameParts * kNamePartSize);
}

TEST_F(NameFramesTest, EachRecordHasItsNameBeforeIt) {
  Session& everything = Subscribe(RequestKind::kSubscribeNow);
  Session& alike = Subscribe(RequestKind::kSubscribeNow);
  Session& some = Subscribe(RequestKind::kSubscribeNow, 0, 2);
  Turn();
  std::vector<Named> all;
  std::vector<Named> odd;
  for (EndpointId id = 1; id <= kMostNameBytes + 1; ++id) {
    Tell(id);
    all.emplace_back(id, NameOf(id));
    if (id % 2 == 1) {
      odd.push_back(all.back());
    }
  }
  EXPECT_EQ(NamedIn(Hear(everything)), all);
  const void* const shared = last_from_;
  EXPECT_EQ(NamedIn(Hear(alike)), all);
  EXPECT_EQ(last_from_, shared) << "encoded once for both";
  EXPECT_EQ(NamedIn(Hear(some)), odd);
}

// Chunks of the stream are filled to their end by names of every length, in any order.
TEST_F(NameFramesTest, WhoResumesAnywhereHearsTheRest) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  Session& along = Subscribe(RequestKind::kSubscribeNow);
  Turn();
  const std::uint64_t begin = service_.journal().newest();
  std::vector<Named> all;
  for (std::size_t i = 0; i < 5 * Stream::kChunkRecords; ++i) {
    const EndpointId id = 1 + random() % (kMostNameBytes + 9);
    Tell(id);
    all.emplace_back(id, NameOf(id));
  }
  EXPECT_EQ(NamedIn(Hear(along)), all);
  for (int round = 0; round < 5; ++round) {
    const std::size_t skipped = random() % all.size();
    Session& late = Subscribe(RequestKind::kSubscribeFrom, begin + skipped);
    const auto rest = std::vector(all.begin() + static_cast<std::ptrdiff_t>(skipped), all.end());
    EXPECT_EQ(NamedIn(Hear(late)), rest) << skipped;
    outlet_.Close(late);
  }
}

TEST_F(NameFramesTest, GoesByTheRosterOfTheMoment) {
  Session& session = Subscribe(RequestKind::kSubscribeNow);
  Turn();
  Tell(3);
  EXPECT_THAT(NamedIn(Hear(session)), ElementsAre(Pair(3, "abx")));
  service_.filters().Follow(disk_.Loaded("id,name\n3,other\n"));
  Tell(3);
  EXPECT_THAT(NamedIn(Hear(session)), ElementsAre(Pair(3, "other")));
  service_.filters().Follow(nullptr);
  Tell(3);
  EXPECT_THAT(NamedIn(Hear(session)), ElementsAre(Pair(3, "")));
}

TEST_F(NameFramesTest, RowsOfASnapshotHaveTheirNames) {
  std::map<EndpointId, std::string> there;
  for (EndpointId id = 1; id <= kMostNameBytes + 5; ++id) {
    region_.view().records()[3 * id].state.store(EndpointState{Liveness::kAlive, {}, 1}.Pack());
    region_.view().records()[3 * id].id.store(id);
    there[id] = NameOf(id);
  }
  Turn();
  Session& session = Subscribe(RequestKind::kSubscribeSnapshot);
  const auto records = Hear(session);
  const auto rows = NamedIn(records);
  EXPECT_EQ((std::map<EndpointId, std::string>(rows.begin(), rows.end())), there);
  EXPECT_EQ(rows.size(), there.size());
  EXPECT_EQ(records.back().kind, RecordKind::kSnapshotEnd);
  EXPECT_EQ(records.back().silence_ns, static_cast<std::int64_t>(there.size()))
      << "names are no rows";
  for (const DeliveryRecord& record : records) {
    EXPECT_EQ(record.sequence, records.back().sequence);
  }
}

}  // namespace
}  // namespace flatline
