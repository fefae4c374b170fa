#include "dataplane/authenticator.h"

#include <flatline/heartbeat.h>
#include <flatline/master_key.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/prctl.h>
#include <system_error>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kId = 8;  // offset of the id in a heartbeat

std::expected<std::vector<SipKey>, std::string> LoadRoots(const std::string& path) {
  std::vector<std::string> paths{path};
  std::error_code error;
  const std::string previous = PreviousKeyPath(path);
  // One that cannot even be looked at is loaded, and fails with its reason.
  if (std::filesystem::symlink_status(previous, error).type() !=
      std::filesystem::file_type::not_found) {
    paths.push_back(previous);
  }
  std::vector<SipKey> out;
  for (const std::string& each : paths) {
    const auto master = MasterKey::Load(each);
    if (!master) {
      return std::unexpected(master.error());
    }
    const EndpointKey root = master->Root();
    SipKey& key = out.emplace_back();
    std::memcpy(&key.low, root.data(), sizeof key.low);
    std::memcpy(&key.high, root.data() + sizeof key.low, sizeof key.high);
  }
  return out;
}

SipTag LoadTag(const std::byte* at, TagSize size) noexcept {
  SipTag out;
  std::memcpy(&out.low, at, sizeof out.low);
  if (size == TagSize::k128Bits) {
    std::memcpy(&out.high, at + sizeof out.low, sizeof out.high);
  }
  return out;
}

}  // namespace

std::expected<std::unique_ptr<Authenticator>, std::string> Authenticator::Load(
    const Config& config) {
  if (config.authentication.key.empty()) {
    return nullptr;
  }
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) {
    return std::unexpected("keys: needed to be left out of core dumps, found " +
                           std::generic_category().message(errno) + "; allow prctl");
  }
  auto roots = LoadRoots(config.authentication.key);
  if (!roots) {
    return std::unexpected(roots.error());
  }
  std::unique_ptr<Authenticator> out(new Authenticator);
  for (ProfileId id = 0; id < kMaxProfiles; ++id) {
    out->modes_[id] = config.AuthenticationOf(id);
  }
  out->modes_[kDefaultProfile] = config.AuthenticationOf(config.dataplane.default_profile);
  out->tag_size_ = config.authentication.tag_bits == 128 ? TagSize::k128Bits : TagSize::k64Bits;
  out->engine_ = &SipEngines().front();
  out->roots_ = std::move(*roots);
  return out;
}

Authenticator::~Authenticator() {
  ::explicit_bzero(roots_.data(), roots_.size() * sizeof(SipKey));
}

Authentication Authenticator::ModeOf(ProfileId has, ProfileId asked) const noexcept {
  return asked == kDefaultProfile ? ModeOf(has) : std::max(ModeOf(has), ModeOf(asked));
}

// Two words are compared as a whole: how long that takes says nothing of where they differ.
std::optional<Authenticator::Master> Authenticator::Verify(
    std::span<const std::byte> tagged) const noexcept {
  const auto size = static_cast<std::size_t>(tag_size_);
  if (tagged.size() < kHeartbeatSize + size) {
    return std::nullopt;
  }
  const std::span<const std::byte> message = tagged.first(tagged.size() - size);
  const SipTag said = LoadTag(message.data() + message.size(), tag_size_);
  for (Master master = 0; std::size_t{master} < roots_.size(); ++master) {
    const SipTag is = TagOf(master, message);
    if (((said.low ^ is.low) | (said.high ^ is.high)) == 0) {
      return master;
    }
  }
  return std::nullopt;
}

void Authenticator::Sign(Master master,
                         std::span<const std::byte> message,
                         std::span<std::byte> room) const noexcept {
  const SipTag tag = TagOf(master, message);
  std::memcpy(room.data(), &tag.low, sizeof tag.low);
  if (tag_size_ == TagSize::k128Bits) {
    std::memcpy(room.data() + sizeof tag.low, &tag.high, sizeof tag.high);
  }
}

SipTag Authenticator::TagOf(Master master, std::span<const std::byte> message) const noexcept {
  std::uint64_t id_on_wire = 0;
  std::memcpy(&id_on_wire, message.data() + kId, sizeof id_on_wire);
  return SipHash(EndpointKeyOf(roots_[master], id_on_wire), message, tag_size_);
}

}  // namespace flatline
