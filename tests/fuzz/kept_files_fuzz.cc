// The files in which control keeps cursors and maintenance, as hostile ones: sealed entries of the
// input's making among others. They open; what is taken from them stays within their bounds, is
// shown without a character that moves a terminal's cursor, and can be ended; and what is written
// then is there when they are opened again.
#include "control/commentary/maintenance.h"
#include "control/commentary/maintenance_file.h"
#include "control/delivery/cursors.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/temporary_directory.h"

#include <flatline/check.h>
#include <flatline/crc32c.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace flatline {
namespace {

constexpr WallInstant kNow{Duration{1'790'000'000'000'000'000}};
constexpr std::size_t kMostEntries = 16;

// Entries of `bytes` each, whose last four are the CRC of all before where the input says so.
std::string FileOf(FuzzInput& input, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < kMostEntries && !input.empty(); ++i) {
    const auto how = input.Take<std::uint8_t>();
    std::vector<std::byte> entry(bytes);
    const auto given = input.Bytes(how % (bytes + 1));
    std::memcpy(entry.data(), given.data(), given.size());
    if (how >= 128) {
      entry[bytes - 16] |= std::byte{1};  // a version that is later than none
      const std::uint32_t crc = Crc32c(std::span(entry).first(bytes - sizeof(crc)));
      std::memcpy(entry.data() + bytes - sizeof(crc), &crc, sizeof(crc));
    }
    out.append(reinterpret_cast<const char*>(entry.data()), bytes);
  }
  return out;
}

void CheckNews(Maintenance& maintenance) {
  for (const DeliveryRecord& record : maintenance.TakeNews()) {
    FLATLINE_CHECK(record.sequence == 0);
    maintenance.Take(record);
  }
}

void CheckMaintenance(const std::string& path) {
  const auto listed = ReadMaintenance(path);
  FLATLINE_CHECK(listed && listed->size() <= kMostMaintained);
  for (const MaintenanceEntry& entry : *listed) {
    FLATLINE_CHECK(entry.reason_text().size() <= kMostMaintenanceReason);
  }
  const MaintenanceTarget target{.endpoint = 0x1234'5678'9ABC, .group = kNoGroup};
  {
    const auto opened = Maintenance::Open(path);
    FLATLINE_CHECK(opened.has_value());
    Maintenance& maintenance = **opened;
    FLATLINE_CHECK(maintenance.size() <= Maintenance::kMost);
    CheckNews(maintenance);
    maintenance.Expire(kNow);
    CheckNews(maintenance);
    FLATLINE_CHECK(maintenance.Begin(target, std::chrono::hours(1), "a test", kNow));
    CheckNews(maintenance);
  }
  const auto again = Maintenance::Open(path);
  FLATLINE_CHECK(again.has_value());
  FLATLINE_CHECK((*again)->Covers({.endpoint = target.endpoint}));
  FLATLINE_CHECK((*again)->End(target, kNow));
}

void CheckCursors(const std::string& path) {
  constexpr Duration kExpiry = std::chrono::hours(1);
  std::uint64_t stands = 0;
  {
    const auto opened = Cursors::Open(path, kExpiry);
    FLATLINE_CHECK(opened.has_value());
    const auto hold = (*opened)->Take("fuzz", kNow);
    FLATLINE_CHECK(hold.has_value());
    FLATLINE_CHECK((*opened)->IsHeld(*hold));
    stands = std::max<std::uint64_t>(hold->sequence.value_or(0), 77);
    FLATLINE_CHECK((*opened)->Move(*hold, stands, kNow));
  }
  const auto again = Cursors::Open(path, kExpiry);
  FLATLINE_CHECK(again.has_value());
  const auto hold = (*again)->Take("fuzz", kNow);
  FLATLINE_CHECK(hold && hold->sequence == stands);
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const TemporaryDirectory place;
  const std::string path = place.Path("file");
  constexpr std::size_t kCursorEntry = 96;
  const bool is_maintenance = input.Take<std::uint8_t>() % 2 == 0;
  const std::string bytes = FileOf(input, is_maintenance ? sizeof(MaintenanceEntry) : kCursorEntry);
  std::ofstream(path, std::ios::binary) << bytes;
  if (is_maintenance) {
    CheckMaintenance(path);
  } else {
    CheckCursors(path);
  }
  return 0;
}
