// Lets subscribers in by their tokens, and narrows what they asked for to what they may see. Asked
// by every session, on any publisher's thread, when a request has come, and again when the file has
// been read anew. A file that is bad leaves the tokens before in force; at the start there are
// none, and nobody comes in over TCP. Cost: a look-up for each subscription; one number otherwise.
#pragma once

#include "control/delivery/request.h"
#include "control/delivery/tokens.h"

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>

namespace flatline {

// By what a session was let in.
struct Grant {
  std::shared_ptr<const Token> token{};  // null: none was needed
  std::uint64_t edition = 0;             // of the file, when it was last looked at
};

class Gatekeeper {
 public:
  // An empty path: there are no tokens, and everybody may see everything. Reads nothing yet.
  explicit Gatekeeper(std::string path) : path_(std::move(path)) {}

  // Reads the file, all of it or nothing: what is in force from now on, in words, or why it stays
  // as it was.
  [[nodiscard]] std::expected<std::string, std::string> Reload();

  // A subscription. The Unix socket is guarded by its mode, so there a token is not needed; but one
  // that is shown counts. The request's groups, filter and cursor become those that both it and the
  // token allow; a filter that cannot be is refused by its own columns.
  [[nodiscard]] std::expected<Grant, Refusal> Admit(Request& request, bool is_local);

  // Of an administrator: over TCP the token must say so.
  [[nodiscard]] std::expected<Grant, Refusal> AdmitAdministrator(const std::string& shown,
                                                                 bool is_local);

  // The grant as it is now, for a session that goes on; or why that has to end.
  [[nodiscard]] std::expected<Grant, Refusal> Renew(const Grant& grant);

  // Another one: it is time to renew.
  [[nodiscard]] std::uint64_t edition() const noexcept {
    return edition_.load(std::memory_order_acquire);
  }

 private:
  [[nodiscard]] std::expected<Grant, Refusal> GrantFor(const std::string& shown, bool is_local);

  const std::string path_;
  std::atomic<std::uint64_t> edition_{0};
  std::mutex mutex_;  // of what follows
  std::shared_ptr<const Tokens> tokens_ = std::make_shared<const Tokens>();
};

}  // namespace flatline
