#include "control/tls/credentials.h"

namespace flatline {

std::expected<std::unique_ptr<TlsCredentials>, std::string> TlsCredentials::Load(
    TlsContext::Identity identity, WallInstant wall) {
  std::unique_ptr<TlsCredentials> out(new TlsCredentials(std::move(identity)));
  if (auto loaded = out->Reload(wall); !loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  return out;
}

std::expected<std::string, std::string> TlsCredentials::Reload(WallInstant wall) {
  auto fresh = TlsContext::ForServer(identity_, wall);
  if (!fresh) {
    return std::unexpected(fresh.error() +
                           (current_ ? "; the certificate before stays in force" : ""));
  }
  current_ = std::move(*fresh);
  return "TLS 1.3 by " + current_->description();
}

}  // namespace flatline
