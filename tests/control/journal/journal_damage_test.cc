// A thousand journals, each damaged in ways drawn from a printed seed, then opened: flipped bits,
// zeroed pages, swapped and torn records, files that are cut short, missing, renamed or somebody
// else's. What is damaged is found, counted and never sent; what is as it was written is kept; a
// subscriber is told of a gap for exactly the rest; and no number is given out a second time.
#include "tests/control/delivery/listener.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr int kRounds = 1000;
constexpr Instant kNow{Duration{1'000'000'000}};
constexpr std::size_t kBytes = sizeof(DeliveryRecord);

using Random = std::independent_bits_engine<std::mt19937_64, 64, std::uint64_t>;
using Path = std::filesystem::path;

std::string Read(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const Path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// One journal, as it was written and as it is.
class DamagedJournal {
 public:
  DamagedJournal(std::uint64_t seed, const Trail& trail)
      : random_(seed), trail_(&trail), place_(7 + Draw(90), 1000) {}

  void WriteIt() {
    const auto journal = place_.Open();
    for (std::uint64_t batches = Draw(12); batches != 0; --batches) {
      std::vector<DeliveryRecord> records(1 + Draw(60));
      for (DeliveryRecord& record : records) {
        record = RecordFor(random_());
      }
      ASSERT_EQ(journal->Append(records, kNow), records.size());
      journal->Housekeep(kNow);
      for (const DeliveryRecord& record : records) {
        written_.emplace(record.sequence, record);
      }
    }
    for (const Path& path : RegularFiles()) {
      original_.emplace(path, Read(path));
    }
  }

  void DamageIt() {
    for (std::uint64_t count = Draw(5); count != 0 && !RegularFiles().empty(); --count) {
      Damage();
    }
  }

  // Opens it, listens to all of it, and holds it against what was written.
  void Check();

 private:
  [[nodiscard]] std::uint64_t Draw(std::uint64_t limit) { return random_() % limit; }

  [[nodiscard]] Path AFile() {
    const auto files = RegularFiles();
    return files[Draw(files.size())];
  }

  [[nodiscard]] std::vector<Path> RegularFiles() const {
    auto files = place_.Files();
    std::erase_if(files, [](const Path& path) { return !std::filesystem::is_regular_file(path); });
    return files;
  }

  void Damage();
  void DamageBytes(std::string& bytes);
  void DamageFiles();
  [[nodiscard]] std::set<std::uint64_t> FindIntact() const;
  [[nodiscard]] bool IsLastNumberKnown() const;
  void CheckOnce(bool again);

  Random random_;
  const Trail* trail_;
  JournalInADirectory place_;
  std::map<std::uint64_t, DeliveryRecord> written_;
  std::map<Path, std::string> original_;
  std::set<std::uint64_t> lost_;
};

void DamagedJournal::DamageBytes(std::string& bytes) {
  const std::size_t places = bytes.size() / kBytes;
  const auto at = [&] { return Draw(places) * kBytes; };
  switch (Draw(5)) {
    case 0:
      for (std::uint64_t flips = 1 + Draw(4); flips != 0; --flips) {
        char& byte = bytes[Draw(bytes.size())];
        byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << Draw(8)));
      }
      break;
    case 1: {  // zeroes, from a sector to all of it
      const std::size_t from = at();
      const std::size_t length = std::min(bytes.size() - from, kBytes * (1 + Draw(80)));
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), length, '\0');
      break;
    }
    case 2: {
      const std::size_t one = at();
      const std::size_t other = at();
      std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(one),
                       bytes.begin() + static_cast<std::ptrdiff_t>(one + kBytes),
                       bytes.begin() + static_cast<std::ptrdiff_t>(other));
      break;
    }
    case 3: {  // a record of another journal, sealed
      DeliveryRecord foreign = RecordFor(random_());
      foreign.sequence = 100'000 + Draw(1000);  // never the number of its place
      foreign.crc = SealOf(foreign);
      std::memcpy(bytes.data() + at(), &foreign, kBytes);
      break;
    }
    default:
      std::ranges::generate(bytes, [&] { return static_cast<char>(random_()); });
      break;
  }
}

void DamagedJournal::DamageFiles() {
  const Path path = AFile();
  const Path far = Segment::PathOf(place_.options.directory, 1 + Draw(100'000));
  switch (Draw(6)) {
    case 0:
      std::filesystem::resize_file(path, Draw(std::filesystem::file_size(path) + 1));
      break;
    case 1:
      std::filesystem::remove(path);
      break;
    case 2:
      if (!std::filesystem::exists(far)) {
        std::filesystem::copy_file(path, far);  // ours, under a name that is not its own
      }
      break;
    case 3:
      if (!std::filesystem::exists(far)) {
        Write(far, std::string(Draw(9000), 'x'));
      }
      break;
    case 4:  // a number that no journal comes to
      Write(place_.options.directory + "/09999999999999999999.journal", std::string(500, 'x'));
      break;
    default:
      std::filesystem::create_directory(far);
      break;
  }
}

void DamagedJournal::Damage() {
  if (Draw(3) == 0) {
    DamageFiles();
    return;
  }
  const Path path = AFile();
  std::string bytes = Read(path);
  if (bytes.size() >= kBytes) {
    DamageBytes(bytes);
    Write(path, bytes);
  }
}

// Those whose bytes are where they were, in a file with its own name.
std::set<std::uint64_t> DamagedJournal::FindIntact() const {
  std::set<std::uint64_t> out;
  for (const auto& [path, before] : original_) {
    const std::string now = Read(path);
    for (std::size_t at = kBytes; at + kBytes <= std::min(now.size(), before.size());
         at += kBytes) {
      const std::uint64_t sequence = std::stoull(path.stem().string()) + at / kBytes - 1;
      const auto record = written_.find(sequence);
      if (record != written_.end() && std::memcmp(now.data() + at, &record->second, kBytes) == 0) {
        out.insert(sequence);
      }
    }
  }
  return out;
}

// The header of the file with the last record says how far the numbers went.
bool DamagedJournal::IsLastNumberKnown() const {
  if (written_.empty()) {
    return true;
  }
  const auto holds_last = [&](const auto& entry) {
    const std::string name = entry.first.stem().string();
    return std::stoull(name) <= written_.rbegin()->first;
  };
  const auto at = std::find_if(original_.rbegin(), original_.rend(), holds_last);
  const std::string now = Read(at->first);
  return now.size() >= kBytes && now.compare(0, kBytes, at->second, 0, kBytes) == 0;
}

void DamagedJournal::Check() {
  CheckOnce(false);
  if (!testing::Test::HasFailure()) {
    CheckOnce(true);
  }
}

void DamagedJournal::CheckOnce(bool again) {
  const std::set<std::uint64_t> intact = FindIntact();
  const bool is_last_known = IsLastNumberKnown();
  const auto journal = place_.Open();
  ASSERT_TRUE(journal) << place_.error;
  const std::uint64_t newest = journal->newest();
  if (!intact.empty()) {
    EXPECT_GE(newest, *intact.rbegin());
  }
  if (is_last_known && !written_.empty()) {
    EXPECT_GE(newest, written_.rbegin()->first) << "a number would be given out twice";
  }
  SCOPED_TRACE(testing::PrintToString(place_.findings));
  Publisher publisher(journal->readable(), *trail_, {});
  Listener listener(publisher, 0);
  listener.Listen();
  std::uint64_t lost = 0;
  for (std::uint64_t sequence = 1; sequence <= newest; ++sequence) {
    const auto at = listener.heard().find(sequence);
    const bool is_heard = at != listener.heard().end();
    ASSERT_NE(is_heard, listener.WasToldOfLoss(sequence)) << sequence;
    ASSERT_TRUE(is_heard || !intact.contains(sequence)) << sequence << " was good";
    lost += !is_heard && sequence >= journal->oldest() ? 1 : 0;
    if (is_heard) {
      ASSERT_TRUE(written_.contains(sequence)) << sequence << " was never written";
      ASSERT_EQ(std::memcmp(&at->second, &written_.at(sequence), kBytes), 0) << sequence;
    }
  }
  EXPECT_EQ(journal->health().records_damaged, lost);
  if (lost != 0) {
    EXPECT_FALSE(place_.findings.empty());
  }
  DeliveryRecord next = RecordFor(random_());
  ASSERT_EQ(journal->Append({&next, 1}, kNow), 1U);
  EXPECT_EQ(next.sequence, newest + 1);
  listener.Listen();
  ASSERT_TRUE(listener.heard().contains(next.sequence));
  EXPECT_EQ(listener.heard().at(next.sequence).endpoint, next.endpoint);
  // What an earlier opening heard, a later one hears too.
  if (!again) {
    written_ = listener.heard();
    original_.clear();
    for (const Path& path : RegularFiles()) {
      original_.emplace(path, Read(path));
    }
  }
}

TEST(JournalDamage, IsFoundToldAndNeverSentAThousandTimes) {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const Trail trail;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    DamagedJournal journal(seed * kRounds + static_cast<std::uint64_t>(round), trail);
    journal.WriteIt();
    journal.DamageIt();
    journal.Check();
    if (HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace flatline
