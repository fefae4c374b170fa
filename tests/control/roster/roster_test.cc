// The roster file: what was loaded is found again, by id, by name and by label; damage is noticed.
#include "control/roster/roster.h"

#include "tests/control/roster/roster_on_disk.h"

#include <fstream>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::map<std::string, std::string> LabelsOf(const Roster& roster, EndpointId id) {
  std::map<std::string, std::string> out;
  for (const Roster::Pair pair : roster.labels(roster.Find(id).value())) {
    out.emplace(roster.key(roster.KeyOf(pair)), roster.value(pair));
  }
  return out;
}

TEST(Roster, FindsWhatWasLoaded) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded(
      "id,name,group,profile,rack,zone\n"
      "42,web-1,7,node,r7,north\n"
      "43,web-2,hall-b,,r8,\n"
      "0x2c,,,,,south\n");
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->size(), 3U);
  EXPECT_EQ(roster->NameOf(42), "web-1");
  EXPECT_EQ(roster->NameOf(44), "");
  EXPECT_EQ(roster->NameOf(45), "");
  EXPECT_EQ(roster->IdOf("web-2"), 43U);
  EXPECT_EQ(roster->IdOf("web-3"), std::nullopt);
  EXPECT_EQ(roster->group(roster->Find(42).value()), 7U);
  EXPECT_EQ(roster->profile(roster->Find(42).value()), 5U);
  EXPECT_EQ(roster->profile(roster->Find(43).value()), kDefaultProfile);
  const Group hall = roster->FindGroup("hall-b").value();
  EXPECT_GE(hall, Group{1} << 31U);
  EXPECT_EQ(roster->group(roster->Find(43).value()), hall);
  EXPECT_EQ(roster->GroupName(hall), "hall-b");
  EXPECT_EQ(roster->GroupName(7), "");
  EXPECT_EQ(LabelsOf(*roster, 42),
            (std::map<std::string, std::string>{{"rack", "r7"}, {"zone", "north"}}));
  EXPECT_EQ(LabelsOf(*roster, 44), (std::map<std::string, std::string>{{"zone", "south"}}));
}

TEST(Roster, AnEmptyGroupIsNoneWhereverItStands) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded(
      "{\"id\": 1, \"group\": \"\"}\n"
      "{\"id\": 2, \"group\": \"hall\"}\n"
      "{\"id\": 3, \"group\": \"hall\"}\n"
      "{\"id\": 4, \"group\": \"\"}\n");
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->group(roster->Find(1).value()), kNoGroup);
  EXPECT_EQ(roster->group(roster->Find(3).value()), roster->FindGroup("hall"));
  EXPECT_EQ(roster->group(roster->Find(4).value()), kNoGroup);
}

TEST(Roster, KnowsWhoHasALabel) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded("id,rack\n1,r1\n2,r2\n3,r1\n");
  const auto key = roster->FindKey("rack");
  ASSERT_TRUE(key);
  EXPECT_EQ(roster->FindKey("row"), std::nullopt);
  EXPECT_EQ(roster->FindPair(*key, "r3"), std::nullopt);
  std::set<EndpointId> members;
  for (const Roster::Ordinal ordinal : roster->members(roster->FindPair(*key, "r1").value())) {
    members.insert(roster->id(ordinal));
  }
  EXPECT_THAT(members, ElementsAre(1, 3));
}

TEST(Roster, DerivesAnIdFromTheName) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded("name\nweb-1\n");
  // XXH3-64 of the five bytes, as every other program has it.
  EXPECT_EQ(roster->IdOf("web-1"), roster::IdOfName("web-1", 5));
  EXPECT_EQ(roster->NameOf(roster::IdOfName("web-1", 5)), "web-1");
}

TEST(Roster, MayBeEmpty) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded("id,rack\n");
  EXPECT_EQ(roster->size(), 0U);
  EXPECT_EQ(roster->Find(1), std::nullopt);
  EXPECT_EQ(roster->IdOf("x"), std::nullopt);
  EXPECT_EQ(roster->FindKey("rack"), std::nullopt) << "nobody has it";
}

TEST(Roster, HoldsManyAcrossItsBlocks) {
  constexpr std::uint64_t kSeed = 20261121;
  std::mt19937_64 random(kSeed);
  RecordProperty("seed", std::to_string(kSeed));
  for (const std::size_t count : {65535U, 65536U, 65537U, 200000U}) {
    const RosterOnDisk disk;
    std::map<EndpointId, std::string> truth;
    std::string text = "id,name,rack,zone\n";
    while (truth.size() < count) {
      const EndpointId id = random() | 1U;
      const std::string name = "n" + std::to_string(truth.size());
      if (truth.emplace(id, name).second) {
        text += std::to_string(id) + "," + name + ",r" + std::to_string(id % 1000) + ",z" +
                std::to_string(id % 3) + "\n";
      }
    }
    const auto roster = disk.Loaded(text);
    ASSERT_EQ(roster->size(), count);
    for (const auto& [id, name] : truth) {
      ASSERT_EQ(roster->NameOf(id), name);
      ASSERT_EQ(roster->IdOf(name), id);
      ASSERT_EQ(LabelsOf(*roster, id).at("rack"), "r" + std::to_string(id % 1000));
    }
    EXPECT_LE(roster->bytes(), 150 * count);
  }
}

TEST(Roster, IsNotThereBeforeItIsLoaded) {
  const RosterOnDisk disk;
  EXPECT_EQ(disk.Opened(), nullptr);
}

TEST(Roster, NoticesEveryFlippedByteAndEveryCut) {
  const RosterOnDisk disk;
  ASSERT_TRUE(disk.Load("id,name,rack\n1,a,r1\n2,b,r2\n").is_written);
  const auto size = std::filesystem::file_size(disk.path());
  std::string good(size, '\0');
  std::ifstream(disk.path(), std::ios::binary)
      .read(good.data(), static_cast<std::streamsize>(size));
  const auto write = [&](const std::string& bytes) {
    std::filesystem::remove(disk.path());
    std::ofstream(disk.path(), std::ios::binary) << bytes;
  };
  constexpr std::size_t kUnused =
      sizeof(RosterHeader);  // up to the contents: zeroes, not looked at
  for (std::size_t at = 0; at < size; ++at) {
    if (at >= kUnused && at < kRosterContents) {
      continue;
    }
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    write(bad);
    const auto opened = Roster::Open(disk.path());
    ASSERT_FALSE(opened) << "byte " << at;
    ASSERT_THAT(opened.error(), HasSubstr("load it anew"));
  }
  for (const std::size_t cut : {std::size_t{0}, kUnused, size / 2, size - 1}) {
    write(good.substr(0, cut));
    EXPECT_FALSE(Roster::Open(disk.path())) << cut;
  }
  write(good);
  EXPECT_TRUE(Roster::Open(disk.path()));
}

TEST(Roster, StaysAsItWasForThoseWhoHaveIt) {
  const RosterOnDisk disk;
  const auto before = disk.Loaded("id,name\n1,old\n");
  const auto after = disk.Loaded("id,name\n1,new\n");
  EXPECT_EQ(before->NameOf(1), "old");
  EXPECT_EQ(after->NameOf(1), "new");
}

}  // namespace
}  // namespace flatline
