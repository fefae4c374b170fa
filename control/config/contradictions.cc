#include "control/config/contradictions.h"

#include "control/config/text_rules.h"
#include "control/config/units.h"
#include "control/config/value.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace flatline {
namespace {

constexpr std::uint64_t kSegmentUnit = 4096;

// Of the key where it is written, else of its table, else the file's first line.
Place PlaceOfKey(const toml::table& root, std::string_view table, std::string_view key) {
  const toml::node* section = root.get(table);
  if (section == nullptr) {
    return Place{};
  }
  const toml::node* node = section->is_table() ? section->as_table()->get(key) : nullptr;
  return PlaceOf(node != nullptr ? *node : *section);
}

// What stands in for a value that could not be read contradicts nothing.
bool IsRead(const toml::table& root,
            std::string_view table,
            std::string_view key,
            const Complaints& complaints) {
  const toml::node* node = root[table][key].node();
  return node == nullptr || !complaints.HasAt(PlaceOf(*node));
}

// The name by which EAL knows the device: a vdev's arguments are no part of it.
std::string_view DeviceName(std::string_view device) {
  return device.substr(0, device.find(','));
}

void CheckDataplane(const toml::table& root, const DataplaneConfig& config, Complaints& out) {
  if (!config.cores.empty() && config.cores.size() != config.workers &&
      IsRead(root, "dataplane", "workers", out)) {
    out.Add(PlaceOfKey(root, "dataplane", "cores"),
            "dataplane.cores: " + std::to_string(config.cores.size()) + " cores for " +
                std::to_string(config.workers) + " workers; name one for each worker, or none");
  }
  if (!std::has_single_bit(config.transition_ring)) {
    out.Add(PlaceOfKey(root, "dataplane", "transition_ring"),
            "dataplane.transition_ring: " + std::to_string(config.transition_ring) +
                " is not a power of two; write " +
                std::to_string(std::bit_ceil(config.transition_ring)));
  }
  if (config.endpoints < config.workers && IsRead(root, "dataplane", "endpoints", out)) {
    out.Add(PlaceOfKey(root, "dataplane", "workers"),
            "dataplane.workers: more workers than endpoints; lower it");
  }
}

void CheckControl(const toml::table& root, const ControlConfig& config, Complaints& out) {
  if (config.segment % kSegmentUnit != 0) {
    out.Add(PlaceOfKey(root, "control", "segment"),
            "control.segment: " + PrintBytes(config.segment) +
                " is not a multiple of 4096 bytes; write \"" +
                PrintBytes((config.segment / kSegmentUnit + 1) * kSegmentUnit) + "\"");
  }
  if (config.retain < 2 * config.segment && IsRead(root, "control", "segment", out)) {
    out.Add(PlaceOfKey(root, "control", "retain"),
            "control.retain: less than two segments of " + PrintBytes(config.segment) +
                "; write at least \"" + PrintBytes(2 * config.segment) + "\"");
  }
}

// Half of what TLS needs is none of it.
void CheckTls(const toml::table& root, const ControlConfig& config, Complaints& out) {
  const bool has_certificate = !config.tls_certificate.empty();
  if (has_certificate != !config.tls_key.empty()) {
    const char* const there = has_certificate ? "tls_certificate" : "tls_key";
    out.Add(PlaceOfKey(root, "control", there),
            std::string("control.") + there + ": one of the two files for TLS; write " +
                (has_certificate ? "tls_key" : "tls_certificate") + " too");
  }
  for (const auto& [key, asks] : {std::pair("tls_client_ca", !config.tls_client_ca.empty()),
                                  std::pair("tls_loopback", config.tls_loopback)}) {
    if (asks && !has_certificate) {
      out.Add(PlaceOfKey(root, "control", key),
              std::string("control.") + key +
                  ": asks for TLS, and there is no certificate; write tls_certificate and tls_key");
    }
  }
  if (has_certificate && !config.plaintext.empty()) {
    out.Add(PlaceOfKey(root, "control", "plaintext"),
            "control.plaintext: says that all is sent in the clear, and there is a certificate for "
            "TLS; take out one of the two");
  }
}

// Verdicts that somebody on the way can alter are worse than none.
void CheckListeners(const toml::table& root, const ControlConfig& config, Complaints& out) {
  for (const std::string& listener : config.listen) {
    if (!IsLoopback(listener) && !IsEncrypted(config, listener) && config.plaintext.empty()) {
      out.Add(PlaceOfKey(root, "control", "listen"),
              "control.listen: \"" + listener +
                  "\" is not loopback, and what is sent there is sent in the clear; write "
                  "tls_certificate and tls_key, or plaintext = \"" +
                  std::string(kPlaintextWords) + "\"");
    }
  }
}

// Fails closed: what is to be checked has something to be checked with, and the other way about.
void CheckAuthentication(const toml::table& root, const Config& config, Complaints& out) {
  const AuthenticationConfig& asked = config.authentication;
  if (asked.tag_bits != 64 && asked.tag_bits != 128) {
    out.Add(PlaceOfKey(root, "authentication", "tag_bits"),
            "authentication.tag_bits: " + std::to_string(asked.tag_bits) +
                " is no size of a tag; write 64 or 128");
  }
  bool any = false;
  for (ProfileId id = 0; id < kMaxProfiles; ++id) {
    any = any || config.AuthenticationOf(id) != Authentication::kOff;
  }
  if (any && asked.key.empty()) {
    out.Add(PlaceOfKey(root, "authentication", "mode"),
            "authentication: a mode, but no key; make one with `flatline key make FILE` and write "
            "key = \"FILE\"");
  }
  if (!any && !asked.key.empty() && IsRead(root, "authentication", "mode", out)) {
    out.Add(PlaceOfKey(root, "authentication", "key"),
            "authentication.key: a key, and no profile for which it is used; write mode = "
            "\"required\", or authentication in a [[profile]]");
  }
}

// What a profile does not say itself may come from the mode of all.
void CheckProbes(const toml::table& root, const Config& config, Complaints& out) {
  for (ProfileId id = kFirstOwnProfile; id < kMaxProfiles; ++id) {
    const Profile& profile = config.profiles[id];
    if (profile.in_use() && profile.probe == ProbeKind::kEcho &&
        config.profile_authentication[id] == Authentication::kDefault &&
        config.AuthenticationOf(id) == Authentication::kRequired) {
      out.Add(
          PlaceOfKey(root, "authentication", "mode"),
          "authentication.mode: tags are required, and profile \"" +
              std::string(profile.name.data()) +
              "\" asks by echo, which has none; give it probe = \"native\", or authentication = "
              "\"accepted\"");
    }
  }
}

void CheckFlapping(const toml::table& root, const FlapSettings& flapping, Complaints& out) {
  if (flapping.reuse >= flapping.suppress) {
    out.Add(PlaceOfKey(root, "flapping", "reuse"),
            "flapping.reuse: " + std::to_string(flapping.reuse) + " is no less than suppress, " +
                std::to_string(flapping.suppress) +
                "; lower it, or who is told of again is suppressed at once");
  } else if (FlapCeiling(flapping) <= flapping.suppress) {
    out.Add(PlaceOfKey(root, "flapping", "longest"),
            "flapping.longest: nobody who is suppressed above " +
                std::to_string(flapping.suppress) + " is quiet at " +
                std::to_string(flapping.reuse) + " so soon; raise it, or shorten half_life");
  }
}

void CheckPorts(const toml::table& root, const Config& config, Complaints& out) {
  const toml::array* ports = root.get_as<toml::array>("port");
  if (ports == nullptr) {
    return;
  }
  if (config.ports.size() > kMaxPorts) {
    out.Add(PlaceOf(*ports->get(kMaxPorts)),
            "port: " + std::to_string(config.ports.size()) + " ports; at most " +
                std::to_string(kMaxPorts) + " can be watched");
  }
  std::set<std::string_view> devices;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const std::string_view name = DeviceName(config.ports[i].device);
    if (!name.empty() && !devices.insert(name).second) {
      out.Add(PlaceOf(*ports->get(i)),
              "port.device: \"" + std::string(name) + "\" is already a port; name it once");
    }
  }
}

}  // namespace

void FindContradictions(const toml::table& root, const Config& config, Complaints& complaints) {
  CheckDataplane(root, config.dataplane, complaints);
  CheckControl(root, config.control, complaints);
  CheckTls(root, config.control, complaints);
  CheckListeners(root, config.control, complaints);
  CheckAuthentication(root, config, complaints);
  CheckProbes(root, config, complaints);
  CheckFlapping(root, config.flapping, complaints);
  CheckPorts(root, config, complaints);
}

}  // namespace flatline
