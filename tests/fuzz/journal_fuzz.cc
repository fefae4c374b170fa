// The journal's segments as hostile files: a journal is written, its bytes are replaced as the
// input says, its files cut, and it is opened. It opens, says what it found, gives out no number
// twice, sends nothing that is not sealed under its own number, and goes on behind it.
#include "tests/control/journal/journal_in_a_directory.h"
#include "tests/fuzz/fuzz_input.h"

#include <flatline/check.h>
#include <flatline/crc32c.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace flatline {
namespace {

constexpr Instant kNow{Duration{1'000'000'000}};
constexpr std::uint64_t kRecords = 7;   // a segment
constexpr std::uint64_t kWritten = 18;  // in three

struct File {
  std::string name;
  std::string bytes;
};

// What a journal of ours looks like, written once.
const std::vector<File>& WrittenJournal() {
  static const std::vector<File> out = [] {
    JournalInADirectory place(kRecords, 1000);
    {
      const auto journal = place.Open();
      for (EndpointId id = 1; id <= kWritten; ++id) {
        DeliveryRecord record = RecordFor(id);
        FLATLINE_CHECK(journal->Append({&record, 1}, kNow) == 1);
      }
    }
    std::vector<File> files;
    for (const auto& path : place.Files()) {
      std::ifstream in(path, std::ios::binary);
      files.push_back({path.filename(), {std::istreambuf_iterator<char>(in), {}}});
    }
    return files;
  }();
  return out;
}

void Damage(FuzzInput& input, std::vector<File>& files) {
  while (!input.empty()) {
    File& file = files[input.Take<std::uint8_t>() % files.size()];
    const std::size_t at = input.Take<std::uint16_t>() % (file.bytes.size() + 1);
    const auto how = input.Take<std::uint8_t>();
    if (how == 255) {
      file.bytes.resize(at);
    } else if (how == 254) {  // sealed as a record of ours
      DeliveryRecord record = RecordFor(input.Take<std::uint8_t>());
      record.sequence = input.Take<std::uint64_t>();
      record.crc = SealOf(record);
      file.bytes.resize(std::max(file.bytes.size(), at + sizeof(record)));
      std::memcpy(file.bytes.data() + at, &record, sizeof(record));
    } else {
      const auto put = input.Bytes(1 + how % 72);
      std::memcpy(file.bytes.data() + at, put.data(), std::min(put.size(), file.bytes.size() - at));
    }
  }
}

// Reads all there is, as a publisher does.
void CheckReadable(const Journal& journal) {
  JournalReader reader(journal.readable());
  std::uint64_t next = reader.oldest();
  FLATLINE_CHECK(next >= 1 && next <= reader.newest() + 1);
  while (next <= reader.newest()) {
    const JournalRange range = reader.From(next, 5);
    if (range.is_coming) {
      continue;
    }
    if (range.hole_until != 0) {
      FLATLINE_CHECK(range.hole_until >= next && range.hole_until <= reader.newest());
      next = range.hole_until + 1;
      continue;
    }
    FLATLINE_CHECK(!range.records.empty());
    for (const DeliveryRecord& record : range.records) {
      FLATLINE_CHECK(record.sequence == next && record.crc == SealOf(record));
      ++next;
    }
  }
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  std::vector<File> files = WrittenJournal();
  Damage(input, files);
  JournalInADirectory place(kRecords, 1000);
  for (const File& file : files) {
    std::ofstream(place.options.directory + "/" + file.name, std::ios::binary) << file.bytes;
  }
  std::uint64_t newest = 0;
  for (int round = 0; round < 2; ++round) {
    const auto journal = place.Open();
    FLATLINE_CHECK(journal != nullptr);
    FLATLINE_CHECK(journal->newest() >= newest);
    CheckReadable(*journal);
    DeliveryRecord record = RecordFor(99);
    FLATLINE_CHECK(journal->Append({&record, 1}, kNow) == 1);
    FLATLINE_CHECK(record.sequence == journal->newest() && record.sequence > newest);
    newest = record.sequence;
    CheckReadable(*journal);
  }
  return 0;
}
