// The files of what follows the journal, promises and flapping, as hostile ones: sealed entries of
// the input's making among others. They open; what is counted on from there, by records of the
// input's making too, stays possible, prints, and is the same when the file is opened again.
#include "control/commentary/damping.h"
#include "control/commentary/damping_file.h"
#include "control/contracts/track_record.h"
#include "control/contracts/track_text.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/temporary_directory.h"

#include <flatline/check.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace flatline {
namespace {

constexpr std::uint64_t kNewest = 1'000;
constexpr WallInstant kNow{Duration{1'790'000'000'000'000'000}};
constexpr ProfileId kPromised = 20;

void Write(const std::string& path, const void* file, std::size_t bytes) {
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(file), static_cast<std::streamsize>(bytes));
}

template <typename Entry>
Entry EntryOf(FuzzInput& input) {
  auto entry = input.Take<Entry>();
  if (input.Take<std::uint8_t>() % 4 != 0) {
    entry.crc = CrcOf(entry);
  }
  return entry;
}

// As control would have numbered it.
DeliveryRecord RecordOf(FuzzInput& input, std::uint64_t sequence) {
  auto record = input.Take<DeliveryRecord>();
  record.sequence = sequence;
  record.at_ns &= (std::int64_t{1} << 62) - 1;  // control's own clock
  record.silence_ns &= (std::int64_t{1} << 62) - 1;
  record.kind = input.Take<std::uint8_t>() % 16 == 0 ? RecordKind::kReset : RecordKind::kLiveness;
  record.from = static_cast<std::uint8_t>(record.from % kLivenessNames.size());
  record.to = static_cast<std::uint8_t>(record.to % kLivenessNames.size());
  return record;
}

Contracts Promises() {
  Contracts out{};
  out[kPromised].promise = {.detection = Milliseconds(3'000),
                            .recurrence = Milliseconds(86'400'000),
                            .mistake = Milliseconds(3'000)};
  return out;
}

void CheckTrack(const ContractTrack& track) {
  FLATLINE_CHECK(track.is_possible());
  FLATLINE_CHECK(!AchievedText(track).empty());
  FLATLINE_CHECK(BrokenText(track, kNow).empty() == (track.broken_ns == 0));
  FLATLINE_CHECK(!TrackJson(track).dump().empty());
}

void CheckTracks(FuzzInput& input, const std::string& path) {
  auto file = std::make_unique<TrackFile>();
  file->magic = kTrackMagic;
  file->upto = input.Take<std::uint64_t>();
  for (auto& copy : file->profiles.at(kPromised)) {
    copy = EntryOf<ContractTrack>(input);
  }
  const std::size_t deaths = input.Take<std::uint8_t>() % 8;
  for (std::size_t i = 0; i < deaths; ++i) {
    file->deaths.at(input.Take<std::uint16_t>() % kMostOpenDeaths) = EntryOf<OpenDeath>(input);
  }
  Write(path, file.get(), sizeof(*file));
  std::uint64_t sequence = kNewest;
  {
    const auto opened = TrackRecord::Open(path, Promises(), kNewest, kNow);
    FLATLINE_CHECK(opened.has_value());
    CheckTrack((*opened)->of(kPromised));
    while (!input.empty()) {
      (*opened)->Take(RecordOf(input, ++sequence));
    }
    (*opened)->Watched(kPromised, 1, Milliseconds(1));
    CheckTrack((*opened)->of(kPromised));
  }
  const auto again = TrackRecord::Open(path, Promises(), sequence, kNow);
  FLATLINE_CHECK(again.has_value());
  CheckTrack((*again)->of(kPromised));
  const auto read = ReadTracks(path);
  FLATLINE_CHECK(read.has_value());
  FLATLINE_CHECK(read->at(kPromised).deaths == (*again)->of(kPromised).deaths);
}

void CheckNews(Damping& damping) {
  for (const DeliveryRecord& news : damping.TakeNews()) {
    FLATLINE_CHECK(news.sequence == 0 && news.kind == RecordKind::kFlapping);
  }
}

void CheckFlapping(FuzzInput& input, const std::string& path) {
  auto file = std::make_unique<DampingFile>();
  file->magic = kDampingMagic;
  file->upto = input.Take<std::uint64_t>();
  const std::size_t entries = input.Take<std::uint8_t>() % 8;
  for (std::size_t i = 0; i < entries; ++i) {
    for (auto& copy : file->slots.at(input.Take<std::uint16_t>() % kMostDamped)) {
      copy = EntryOf<DampingEntry>(input);
    }
  }
  Write(path, file.get(), sizeof(*file));
  const FlapSettings settings{};
  std::uint64_t sequence = kNewest;
  std::size_t size = 0;
  {
    const auto opened = Damping::Open(path, settings, kNewest);
    FLATLINE_CHECK(opened.has_value());
    Damping& damping = **opened;
    CheckNews(damping);
    while (!input.empty()) {
      const DeliveryRecord record = RecordOf(input, ++sequence);
      static_cast<void>(damping.Suppresses(record));
      damping.Take(record);
      damping.Turn(kNow);
      CheckNews(damping);
    }
    FLATLINE_CHECK(damping.flapping()->size() <= damping.size());
    size = damping.size();
  }
  const auto again = Damping::Open(path, settings, sequence);
  FLATLINE_CHECK(again.has_value());
  FLATLINE_CHECK((*again)->size() == size);
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const TemporaryDirectory place;
  if (input.Take<std::uint8_t>() % 2 == 0) {
    CheckTracks(input, place.Path("file"));
  } else {
    CheckFlapping(input, place.Path("file"));
  }
  return 0;
}
