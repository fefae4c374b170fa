// Control's certificate and key as they are now. Made at start, read anew on SIGHUP, asked for each
// new connection, all on the control loop's thread. Files that are bad leave in force what was
// before. A connection keeps what it began with.
#pragma once

#include "control/tls/context.h"

#include <flatline/time.h>

#include <expected>
#include <memory>
#include <string>
#include <utility>

namespace flatline {

class TlsCredentials {
 public:
  // The error says which file is not what it should be.
  [[nodiscard]] static std::expected<std::unique_ptr<TlsCredentials>, std::string> Load(
      TlsContext::Identity identity, WallInstant wall);

  // What is in force from now on, in words, or why it stays as it was.
  [[nodiscard]] std::expected<std::string, std::string> Reload(WallInstant wall);

  [[nodiscard]] const std::shared_ptr<const TlsContext>& current() const noexcept {
    return current_;
  }

 private:
  explicit TlsCredentials(TlsContext::Identity identity) : identity_(std::move(identity)) {}

  TlsContext::Identity identity_;
  std::shared_ptr<const TlsContext> current_;
};

}  // namespace flatline
