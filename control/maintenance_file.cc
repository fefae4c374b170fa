#include "control/maintenance_file.h"

#include <flatline/crc32c.h>

#include <cstring>
#include <fstream>
#include <span>

namespace flatline {

std::string_view MaintenanceEntry::reason_text() const noexcept {
  return {reason.data(), ::strnlen(reason.data(), reason.size())};
}

std::uint32_t CrcOf(const MaintenanceEntry& entry) noexcept {
  return Crc32c(std::as_bytes(std::span{&entry, 1}).first(offsetof(MaintenanceEntry, crc)));
}

namespace {

// Of ours: a later version can follow it, and its times can be reckoned with.
bool IsPossible(const MaintenanceEntry& entry) noexcept {
  return entry.version <= std::uint64_t{1} << 63 && entry.begun_ns >= 0 && entry.until_ns >= 0 &&
         entry.state <= MaintenanceEntry::State::kTold;
}

}  // namespace

MaintenanceEntry Latest(const MaintenanceSlot& slot) noexcept {
  MaintenanceEntry out;
  for (const MaintenanceEntry& entry : slot) {
    if (entry.version > out.version && entry.crc == CrcOf(entry) && IsPossible(entry)) {
      out = entry;
    }
  }
  return out;
}

std::expected<std::vector<MaintenanceEntry>, std::string> ReadMaintenance(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return std::unexpected(path +
                           ": needed a file that flatline-control keeps, found none that can be "
                           "read; start it, or run as its user");
  }
  std::vector<MaintenanceEntry> out;
  MaintenanceSlot slot;
  for (std::size_t i = 0; i < kMostMaintained; ++i) {
    if (!file.read(reinterpret_cast<char*>(slot.data()), sizeof(slot))) {
      break;
    }
    const MaintenanceEntry entry = Latest(slot);
    if (entry.state != MaintenanceEntry::State::kFree) {
      out.push_back(entry);
    }
  }
  return out;
}

}  // namespace flatline
