// The secret from which every endpoint's key is derived: a file of one line that only its owner may
// read. Read once at start by the dataplane and by whoever speaks for endpoints (agents' keys are
// made with `flatline key derive`, so that no agent needs this one). Implemented in control/keys/.
// Errors are one line: what was needed, what was found, what to do. The secret lies in memory that
// is neither swapped nor dumped, and is wiped.
#pragma once

#include <flatline/endpoint.h>

#include <array>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>

namespace flatline {

using EndpointKey = std::array<std::byte, 16>;

class MasterKey {
 public:
  // The file at `path`, made by Make. Refused where it is not a regular file, others than its owner
  // may do anything with it, or it belongs to somebody else than this user or root.
  [[nodiscard]] static std::expected<MasterKey, std::string> Load(const std::string& path);

  // A new secret into a new file of mode 0400; one that is there is never overwritten.
  [[nodiscard]] static std::expected<void, std::string> Make(const std::string& path);

  // The key of an endpoint: SipHash-2-4 with 128 bits, with the root as its key, of the id's eight
  // bytes as they are on the wire. Whoever has it learns nothing of any other's.
  [[nodiscard]] EndpointKey Derive(EndpointId id) const noexcept;

  // By libsodium's KDF (BLAKE2b) from the master key; as secret as that. Workers make the keys of
  // endpoints from it at every heartbeat: sixteen at once cost less than one line of a table.
  [[nodiscard]] EndpointKey Root() const noexcept;

 private:
  struct Wipe {
    void operator()(unsigned char* secret) const noexcept;
  };

  explicit MasterKey(unsigned char* secret) noexcept : secret_(secret) {}

  std::unique_ptr<unsigned char, Wipe> secret_;
};

// Where the key that was in force before the last rotation lies, as long as it is still accepted.
[[nodiscard]] inline std::string PreviousKeyPath(const std::string& path) {
  return path + ".previous";
}

// `path` becomes the previous key, and a new one takes its place: first `flatline key rotate`, then
// a restart, then new keys for the agents, then `flatline key retire` and a restart. Refused while
// a previous key is there. Killed in between, it leaves both or the old one alone.
[[nodiscard]] std::expected<void, std::string> RotateMasterKey(const std::string& path);

// Ends the previous key.
[[nodiscard]] std::expected<void, std::string> RetireMasterKey(const std::string& path);

}  // namespace flatline
