// Whether a heartbeat comes from whom it says: the tag behind it is SipHash-2-4 of all of it, with
// the key of the endpoint it names, which is made from the master key and the id. Asked by every
// worker before a heartbeat may change anything. One for all workers, made once at start, none
// where the configuration has no key; nothing in it changes, so anybody may ask. Keys of endpoints
// are stored nowhere: making one costs less than a line of memory (siphash.h), and so a stranger's
// tag costs no more than any other, and no key can be found in the region.
//
// At most two master keys hold at once, the newer one first, so that agents can be given new keys
// one by one. All that can be wrong with a tag is one answer: no.
#pragma once

#include "dataplane/siphash.h"

#include <flatline/config.h>
#include <flatline/endpoint.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace flatline {

class Authenticator {
 public:
  // Which master key a tag was made with.
  using Master = std::uint8_t;
  static constexpr Master kNoMaster = 0xFF;

  // What the configuration asks for; null where it has no key. An error where a key cannot be used:
  // then nothing may start. From here on this process leaves no core dump, and no other one of its
  // user may look into its memory.
  [[nodiscard]] static std::expected<std::unique_ptr<Authenticator>, std::string> Load(
      const Config& config);

  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  [[nodiscard]] TagSize tag_size() const noexcept { return tag_size_; }

  // Another way to reckon tags than the best one: to compare them. Before the first turn.
  void Use(const SipEngine& engine) noexcept { engine_ = &engine; }

  // What holds for an endpoint of this profile.
  [[nodiscard]] Authentication ModeOf(ProfileId profile) const noexcept {
    return modes_[profile < kMaxProfiles ? profile : kDefaultProfile];
  }

  // The same where it asks for another one: the stricter of the two, so that nobody asks the way
  // out of being checked.
  [[nodiscard]] Authentication ModeOf(ProfileId has, ProfileId asked) const noexcept;

  [[nodiscard]] std::size_t masters() const noexcept { return roots_.size(); }

  // The tags of the heartbeats in `lanes`, as this master key makes them.
  void Reckon(SipLanes& lanes, Master master) const noexcept {
    engine_->Reckon(lanes, roots_[master], tag_size_);
  }

  // With which master key the tag at the end of `tagged` was made, for the endpoint that the
  // heartbeat before it names. At least a heartbeat long.
  [[nodiscard]] std::optional<Master> Verify(std::span<const std::byte> tagged) const noexcept;

  // Writes the tag of a message, which begins with a heartbeat, into `room`.
  void Sign(Master master,
            std::span<const std::byte> message,
            std::span<std::byte> room) const noexcept;

 private:
  Authenticator() = default;

  [[nodiscard]] SipTag TagOf(Master master, std::span<const std::byte> message) const noexcept;

  std::array<Authentication, kMaxProfiles> modes_{};
  TagSize tag_size_ = TagSize::k64Bits;
  const SipEngine* engine_ = nullptr;
  std::vector<SipKey> roots_;  // of the newer master key first
};

}  // namespace flatline
