#include "control/config/complaints.h"
#include "control/config/contradictions.h"
#include "control/config/profile_entry.h"
#include "control/config/schema.h"
#include "control/config/units.h"

#include <flatline/config.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <toml++/toml.h>
#include <vector>

namespace flatline {
namespace {

void ComplainOfUnknownKey(const toml::key& key,
                          const std::string& prefix,
                          std::span<const std::string_view> known,
                          Complaints& complaints) {
  const toml::source_position begin = key.source().begin;
  const std::string_view nearest = NearestName(key.str(), known);
  complaints.Add({begin.line, begin.column},
                 "unknown key " + prefix + std::string(key.str()) +
                     (nearest.empty() ? "; remove it"
                                      : "; did you mean " + prefix + std::string(nearest) + "?"));
}

// Every key of one table. `prefix` is "dataplane." or the like; `tables` are names that the caller
// deals with.
template <typename Section>
void ReadSection(const toml::table& table,
                 const std::string& prefix,
                 const Keys<Section>& keys,
                 Section& into,
                 Complaints& complaints) {
  std::vector<std::string_view> known = NamesOf(keys);
  const bool is_top = prefix.empty();
  if (is_top) {
    known.insert(known.end(), kTables.begin(), kTables.end());
  }
  for (const auto& [name, node] : table) {
    const auto key = std::ranges::find(keys, name.str(), &Key<Section>::name);
    if (key != keys.end()) {
      const std::string path = prefix + std::string(name.str());
      key->read(Value(node, path, complaints), into);
    } else if (!is_top || std::ranges::find(kTables, name.str()) == kTables.end()) {
      ComplainOfUnknownKey(name, prefix, known, complaints);
    }
  }
  for (const Key<Section>& key : keys) {
    if (key.required && !table.contains(key.name)) {
      complaints.Add(PlaceOf(table),
                     prefix + std::string(key.name) + ": missing; it has no default");
    }
  }
}

// [name]
template <typename Section>
void ReadTable(const toml::table& root,
               std::string_view name,
               const Keys<Section>& keys,
               Section& into,
               Complaints& complaints) {
  const toml::node* node = root.get(name);
  if (node == nullptr) {
    return;
  }
  if (const toml::table* table = node->as_table()) {
    ReadSection(*table, std::string(name) + ".", keys, into, complaints);
  } else {
    complaints.Add(PlaceOf(*node),
                   std::string(name) + ": needed a table; write [" + std::string(name) + "]");
  }
}

// [[name]], each entry given to `take` with its place, and whether all in it could be read.
template <typename Section, typename Take>
void ReadTables(const toml::table& root,
                std::string_view name,
                const Keys<Section>& keys,
                Complaints& complaints,
                const Take& take) {
  const toml::node* node = root.get(name);
  if (node == nullptr) {
    return;
  }
  const toml::array* entries = node->as_array();
  if (entries == nullptr || !entries->is_homogeneous(toml::node_type::table)) {
    complaints.Add(
        PlaceOf(*node),
        std::string(name) + ": needed tables; write [[" + std::string(name) + "]] before each");
    return;
  }
  for (const toml::node& entry : *entries) {
    Section section;
    const std::size_t before = complaints.size();
    ReadSection(*entry.as_table(), std::string(name) + ".", keys, section, complaints);
    take(section, PlaceOf(entry), complaints.size() == before);
  }
}

// What an entry says of itself, or why it cannot be. Of one with a fault its name alone counts, so
// that who names it is not blamed too.
Profile SoundProfile(const ProfileEntry& entry, Place place, bool is_read, Complaints& complaints) {
  const Profile in_its_place = MakeProfile(entry.name, kLeastTimeout, 1, kLeastTimeout);
  if (!is_read) {
    return in_its_place;
  }
  const std::expected<Profile, std::string> profile = ProfileOf(entry);
  if (!profile) {
    complaints.Add(place, profile.error());
  }
  return profile.value_or(in_its_place);
}

void AddProfile(
    const ProfileEntry& entry, Place place, bool is_read, Config& config, Complaints& complaints) {
  Profiles& profiles = config.profiles;
  if (entry.id == kDefaultProfile || entry.name.empty()) {
    return;  // complained of already
  }
  const Profile profile = SoundProfile(entry, place, is_read, complaints);
  if (profiles[entry.id].in_use()) {
    complaints.Add(place,
                   "profile.id: " + std::to_string(entry.id) + " is already \"" +
                       profiles[entry.id].name.data() + "\"; choose another");
    return;
  }
  const auto same_name = [&](const Profile& other) { return entry.name == other.name.data(); };
  if (std::ranges::any_of(profiles, same_name)) {
    complaints.Add(place,
                   "profile.name: \"" + entry.name + "\" is already a profile; choose another");
    return;
  }
  profiles[entry.id] = profile;
  config.profile_authentication[entry.id] = entry.authentication;
  config.contracts[entry.id] = ContractOf(entry);
}

Config ReadRoot(const toml::table& root, Complaints& complaints) {
  Config config = DefaultConfig();
  ReadSection(root, "", TopKeys(), config, complaints);
  // Profiles first: default_profile names one of them.
  ReadTables(root,
             "profile",
             ProfileKeys(),
             complaints,
             [&](const ProfileEntry& entry, Place place, bool is_read) {
               AddProfile(entry, place, is_read, config, complaints);
             });
  ReadTable(root, "dataplane", DataplaneKeys(config.profiles), config.dataplane, complaints);
  ReadTable(root, "control", ControlKeys(), config.control, complaints);
  ReadTable(root, "authentication", AuthenticationKeys(), config.authentication, complaints);
  ReadTable(root, "guard", GuardKeys(), config.guard, complaints);
  ReadTable(root, "mass_failure", MassFailureKeys(), config.mass_failure, complaints);
  ReadTable(root, "flapping", FlappingKeys(), config.flapping, complaints);
  ReadTables(root, "port", PortKeys(), complaints, [&](const PortConfig& port, Place, bool) {
    config.ports.push_back(port);
  });
  FindContradictions(root, config, complaints);
  return config;
}

}  // namespace

Config DefaultConfig() {
  Config config;
  std::ranges::copy(kBuiltInProfiles, config.profiles.begin() + kFirstBuiltInProfile);
  return config;
}

std::expected<Config, std::string> ParseConfig(std::string_view text, const std::string& name) {
  Complaints complaints(name);
  try {
    const toml::table root = toml::parse(text, name);
    Config config = ReadRoot(root, complaints);
    if (complaints.empty()) {
      return config;
    }
  } catch (const toml::parse_error& error) {
    const toml::source_position begin = error.source().begin;
    complaints.Add({begin.line, begin.column}, "not TOML: " + std::string(error.description()));
  }
  return std::unexpected(complaints.Text());
}

std::expected<Config, std::string> LoadConfig(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    // A device may have no end, and a pipe nobody who writes.
    return std::unexpected(
        path + ": needed a plain file, found " +
        (std::filesystem::is_directory(status) ? "a directory" : "a device, a pipe or a socket") +
        "; name another with --config");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    return std::unexpected(path + ": needed a readable file, found " +
                           std::generic_category().message(errno) +
                           "; name another with --config, or copy the commented example there");
  }
  return ParseConfig(std::string(std::istreambuf_iterator<char>(file), {}), path);
}

}  // namespace flatline
