#include "control/commentary/maintenance_file.h"

#include <cstring>
#include <fstream>

namespace flatline {

std::string_view MaintenanceEntry::reason_text() const noexcept {
  return {reason.data(), ::strnlen(reason.data(), reason.size())};
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
