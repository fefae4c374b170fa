// What an operator is told of a journal's directory in which something is amiss, and what becomes
// of the files that are not the journal's: each finding by its words, and nothing of anybody lost.
#include "control/journal/segment.h"
#include "control/journal/segment_move.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

void Fill(Journal& journal, EndpointId upto) {
  for (EndpointId id = journal.newest() + 1; id <= upto; ++id) {
    DeliveryRecord record = RecordFor(id);
    ASSERT_EQ(journal.Append({&record, 1}, Instant{}), 1U);
  }
}

void WriteHeader(const std::filesystem::path& path, SegmentHeader header) {
  SegmentHeader unmarked = header;
  unmarked.given = unmarked.given_check = 0;
  unmarked.in_memory = unmarked.in_memory_check = 0;
  const auto bytes = std::as_bytes(std::span{&unmarked, 1});
  header.crc = Crc32c(bytes.first<offsetof(SegmentHeader, crc)>());
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.write(reinterpret_cast<const char*>(&header), sizeof header);
}

SegmentHeader HeaderOf(const std::filesystem::path& path) {
  SegmentHeader out;
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(&out), sizeof out);
  return out;
}

// A journal of 10 records, and nobody's any more.
class RecoveryWords : public testing::Test {
 protected:
  RecoveryWords() { Fill(*place_.Open(), 10); }

  [[nodiscard]] std::string Path(const std::string& name) const {
    return place_.options.directory + "/" + name;
  }

  JournalInADirectory place_;
};

TEST_F(RecoveryWords, OneOfAnotherReleaseEndsTheStartAndStaysAsItIs) {
  const std::filesystem::path file = place_.Files().front();
  SegmentHeader header = HeaderOf(file);
  ++header.version;
  WriteHeader(file, header);
  EXPECT_EQ(place_.Open(), nullptr);
  EXPECT_THAT(place_.error,
              AllOf(StartsWith(file.string() + ": needed version 1 of the journal, found 2; "),
                    HasSubstr("move the journal away")));
  --header.version;
  WriteHeader(file, header);
  const auto journal = place_.Open();
  ASSERT_NE(journal, nullptr) << place_.error;
  EXPECT_EQ(journal->newest(), 10U);
  EXPECT_THAT(place_.findings, IsEmpty());
}

// Found by fuzzing: sixteen bytes can say anything, and be sealed as what was written whole.
TEST_F(RecoveryWords, AMarkBeyondAllNumbersIsNotBelieved) {
  const std::filesystem::path file = place_.Files().front();
  for (const std::uint64_t mark : {~std::uint64_t{0}, std::uint64_t{1} << 62}) {
    SegmentHeader header = HeaderOf(file);
    header.given = header.in_memory = mark;
    header.given_check = header.in_memory_check = ~mark;
    WriteHeader(file, header);
    const auto journal = place_.Open();
    ASSERT_NE(journal, nullptr) << place_.error;
    EXPECT_EQ(journal->newest(), 10U);
  }
  Fill(*place_.Open(), 11);
  EXPECT_EQ(place_.Open()->newest(), 11U);
}

TEST_F(RecoveryWords, AnotherNameIsLeftAlone) {
  std::ofstream(Path("mine.journal")) << "mine";
  const auto journal = place_.Open();
  ASSERT_NE(journal, nullptr);
  EXPECT_THAT(place_.findings,
              ElementsAre(Path("mine.journal") + ": has no name of the journal's; left alone"));
  EXPECT_TRUE(std::filesystem::exists(Path("mine.journal")));
}

TEST_F(RecoveryWords, ADirectoryWithANameOfOursIsSetAside) {
  const std::string path = Segment::PathOf(place_.options.directory, 4711);
  std::filesystem::create_directory(path);
  const auto journal = place_.Open();
  ASSERT_NE(journal, nullptr) << place_.error;
  EXPECT_THAT(place_.findings,
              ElementsAre(path + ": cannot open: Is a directory; set aside as .set-aside"));
  EXPECT_TRUE(std::filesystem::is_directory(path + ".set-aside"));
  EXPECT_EQ(journal->newest(), 10U);
}

// A copy from memory to the disk was not finished: what it is of is in memory still, or on the disk
// whole.
TEST_F(RecoveryWords, AnUnfinishedCopyIsNobodys) {
  const std::string path = Path("x" + std::string(SegmentMove::kSuffix));
  std::ofstream(path) << "half";
  ASSERT_NE(place_.Open(), nullptr);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_THAT(place_.findings, IsEmpty());
}

TEST_F(RecoveryWords, OfTwoWithTheSameSequencesTheBetterOneCounts) {
  const std::string other = Segment::PathOf(place_.options.directory, 5);
  std::filesystem::copy_file(place_.Files().front(), other);
  SegmentHeader header = HeaderOf(other);
  header.first = 5;
  header.given = 0;
  header.given_check = ~std::uint64_t{0};
  WriteHeader(other, header);
  const auto journal = place_.Open();
  ASSERT_NE(journal, nullptr) << place_.error;
  ASSERT_FALSE(place_.findings.empty());
  EXPECT_THAT(place_.findings.front(),
              AllOf(HasSubstr("have the same sequences: the first has 10 good records, the second "
                              "0; set aside as .set-aside")));
  EXPECT_TRUE(std::filesystem::exists(other + ".set-aside"));
  EXPECT_EQ(journal->newest(), 10U);
  EXPECT_EQ(journal->From(1, 10).records.size(), 10U);
}

TEST_F(RecoveryWords, WhatOnlyMemoryHasDoesNotGoUnsaid) {
  place_.options.memory_directory = Path("memory");
  place_.options.memory = place_.options.segment;
  std::filesystem::create_directory(place_.options.memory_directory);
  std::filesystem::permissions(place_.options.memory_directory, std::filesystem::perms::owner_all);
  // In memory: 1, 2 and 3. On the disk: 2 to 10, in a file that begins there.
  const std::filesystem::path disk = place_.Files().front();
  const std::string memory = Segment::PathOf(place_.options.memory_directory, 1);
  constexpr std::size_t kBytes = sizeof(DeliveryRecord);
  std::string bytes(std::filesystem::file_size(disk), '\0');
  std::ifstream(disk, std::ios::binary)
      .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const auto write = [](const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  };
  write(memory, bytes.substr(0, 4 * kBytes) + std::string(bytes.size() - 4 * kBytes, '\0'));
  const std::string other = Segment::PathOf(place_.options.directory, 2);
  write(other, bytes.substr(0, kBytes) + bytes.substr(2 * kBytes) + std::string(kBytes, '\0'));
  SegmentHeader header = HeaderOf(other);
  header.first = 2;
  WriteHeader(other, header);
  std::filesystem::remove(disk);
  const auto journal = place_.Open();
  ASSERT_NE(journal, nullptr) << place_.error;
  EXPECT_THAT(place_.findings, Contains(HasSubstr("the first has 3 good records, the second 9")));
  EXPECT_TRUE(std::filesystem::exists(memory + ".set-aside"));
  EXPECT_EQ(journal->newest(), 10U);
}

TEST_F(RecoveryWords, ADirectoryThatCannotBeIsNamed) {
  std::ofstream(Path("file")) << "mine";
  place_.options.directory = Path("file");
  EXPECT_EQ(place_.Open(), nullptr);
  EXPECT_EQ(place_.error,
            place_.options.directory +
                "/lock: needed a journal that can be written, found: Not a directory; give the "
                "directory to the user that runs flatline-control");
  place_.options.directory = std::filesystem::path(place_.options.directory).parent_path();
}

}  // namespace
}  // namespace flatline
