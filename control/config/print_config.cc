#include "control/config/profile_entry.h"
#include "control/config/schema.h"

#include <flatline/config.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace flatline {
namespace {

template <typename Section>
void PrintSection(std::string_view heading,
                  const Keys<Section>& keys,
                  const Section& section,
                  std::string& out) {
  if (!heading.empty()) {
    out += "\n" + std::string(heading) + "\n";
  }
  for (const Key<Section>& key : keys) {
    if (const std::string value = key.print(section); !value.empty()) {
      out += std::string(key.name) + " = " + value + "\n";
    }
  }
}

ProfileEntry EntryIn(const Config& config, std::size_t id) {
  ProfileEntry out = EntryOf(static_cast<ProfileId>(id), config.profiles[id], config.contracts[id]);
  out.authentication = config.profile_authentication[id];
  return out;
}

}  // namespace

std::string PrintConfig(const Config& config) {
  std::string out;
  PrintSection("", TopKeys(), config, out);
  PrintSection("[dataplane]", DataplaneKeys(config.profiles), config.dataplane, out);
  for (const PortConfig& port : config.ports) {
    PrintSection("[[port]]", PortKeys(), port, out);
  }
  PrintSection("[control]", ControlKeys(), config.control, out);
  PrintSection("[authentication]", AuthenticationKeys(), config.authentication, out);
  PrintSection("[guard]", GuardKeys(), config.guard, out);
  PrintSection("[mass_failure]", MassFailureKeys(), config.mass_failure, out);
  PrintSection("[flapping]", FlappingKeys(), config.flapping, out);
  for (std::size_t id = 0; id < config.profiles.size(); ++id) {
    const Profile& profile = config.profiles[id];
    if (!profile.in_use()) {
      continue;
    }
    if (id >= kFirstOwnProfile) {
      PrintSection("[[profile]]", ProfileKeys(), EntryIn(config, id), out);
      continue;
    }
    // The built-in ones are shown, and cannot be set.
    std::string built_in;
    PrintSection("", ProfileKeys(), EntryIn(config, id), built_in);
    out += "\n# built in:";
    for (std::size_t at = 0; at < built_in.size();) {
      const std::size_t end = built_in.find('\n', at);
      out += (at == 0 ? " " : ", ") + built_in.substr(at, end - at);
      at = end + 1;
    }
    out += "\n";
  }
  return out;
}

}  // namespace flatline
