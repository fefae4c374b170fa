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
    out += std::string(key.name) + " = " + key.print(section) + "\n";
  }
}

ProfileEntry EntryOf(std::size_t id, const Config& config) {
  const Profile& profile = config.profiles[id];
  return {.id = static_cast<ProfileId>(id),
          .name = profile.name.data(),
          .interval = profile.interval,
          .threshold = profile.threshold,
          .confirmation = profile.confirmation,
          .authentication = config.profile_authentication[id]};
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
  for (std::size_t id = 0; id < config.profiles.size(); ++id) {
    const Profile& profile = config.profiles[id];
    if (!profile.in_use()) {
      continue;
    }
    if (id >= kFirstOwnProfile) {
      PrintSection("[[profile]]", ProfileKeys(), EntryOf(id, config), out);
      continue;
    }
    // The built-in ones are shown, and cannot be set.
    std::string built_in;
    PrintSection("", ProfileKeys(), EntryOf(id, config), built_in);
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
