#include "control/contracts/track_file.h"

#include <fstream>

namespace flatline {

std::expected<std::vector<ContractTrack>, std::string> ReadTracks(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t magic = 0;
  if (!file.read(reinterpret_cast<char*>(&magic), sizeof(magic)) || magic != kTrackMagic ||
      !file.seekg(offsetof(TrackFile, profiles))) {
    return std::unexpected(path +
                           ": needed a file that flatline-control keeps where a profile has a "
                           "contract, found none that can be read; start it, or run as its user");
  }
  std::vector<ContractTrack> out;
  for (unsigned profile = 0; profile < kMaxProfiles; ++profile) {
    TwoCopies<ContractTrack> copies;
    if (!file.read(reinterpret_cast<char*>(copies.data()), sizeof(copies))) {
      copies = {};
    }
    out.push_back(Latest(copies));
  }
  return out;
}

}  // namespace flatline
