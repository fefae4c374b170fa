// Lets subscribers in by their tokens, and narrows what they asked for to what they may see. Asked
// by every session, on any publisher's thread, when a request has come. The file is read anew when
// it has changed, so a revoked token is turned away from the next connection on. A file that cannot
// be read lets nobody in over TCP. Cost: a stat and a look-up for each subscription.
#pragma once

#include "control/request.h"
#include "control/tokens.h"

#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>

namespace flatline {

class Gatekeeper {
 public:
  // An empty path: there are no tokens, and everybody may see everything.
  explicit Gatekeeper(std::string path) : path_(std::move(path)) {}

  // The Unix socket is guarded by its mode, so there a token is not needed; but one that is shown
  // counts. The request's groups become those that both it and the token allow.
  [[nodiscard]] std::expected<void, Refusal> Admit(Request& request, bool is_local);

 private:
  struct Edition {
    ino_t inode = 0;
    std::int64_t changed_ns = 0;
    off_t size = 0;
    mode_t mode = 0;

    bool operator==(const Edition&) const = default;
  };

  void Refresh();

  std::string path_;
  std::mutex mutex_;  // of all that follows
  std::optional<Edition> edition_;
  Tokens tokens_;
};

}  // namespace flatline
