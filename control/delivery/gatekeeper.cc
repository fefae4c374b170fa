#include "control/delivery/gatekeeper.h"

#include "control/delivery/cursors.h"
#include "control/filter/filter_text.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <utility>
#include <vector>

namespace flatline {
namespace {

std::expected<void, Refusal> NarrowGroups(const Token& token, Request& request) {
  if (token.groups.empty()) {
    return {};
  }
  if (request.groups.empty()) {
    request.groups = token.groups;
    return {};
  }
  std::vector<Group> both;
  std::ranges::set_intersection(request.groups, token.groups, std::back_inserter(both));
  if (both.empty()) {
    return Refuse(DeliveryError::kNotPermitted, "none of these groups is yours");
  }
  request.groups = std::move(both);
  return {};
}

// Each is an expression for itself, which makes `(one) and (other)` what it looks like: a filter
// that closes a parenthesis which it did not open does not get so far.
std::expected<void, Refusal> NarrowFilter(const Token& token, Request& request) {
  std::string& asked = request.text.filter;
  if (token.filter.empty()) {
    return {};
  }
  if (asked.empty()) {
    asked = token.filter;
    return {};
  }
  if (const auto alone = ParseFilter(asked); !alone) {
    return Refuse(DeliveryError::kBadFilter, alone.error().Text());
  }
  asked = "(" + token.filter + ") and (" + asked + ")";
  if (!ParseFilter(asked)) {
    return Refuse(DeliveryError::kBadFilter, "too long or too deep beside your token's");
  }
  return {};
}

// A cursor belongs to the token: nobody takes or moves another's. No name has a slash of its own.
std::expected<void, Refusal> NarrowCursor(const Token& token, Request& request) {
  std::string& cursor = request.text.cursor;
  if (cursor.empty()) {
    return {};
  }
  cursor = token.name + "/" + cursor;
  if (cursor.size() > Cursors::kMostName) {
    return Refuse(DeliveryError::kBadRequest, "cursor: too long beside your token's name");
  }
  return {};
}

}  // namespace

std::expected<std::string, std::string> Gatekeeper::Reload() {
  if (path_.empty()) {
    return "no tokens are asked for";
  }
  auto read = ReadTokens(path_);
  if (!read) {
    return std::unexpected(read.error() + (edition() == 0 ? "; nobody is let in over TCP"
                                                          : "; the tokens before stay in force"));
  }
  auto fresh = std::make_shared<const Tokens>(std::move(*read));
  std::string told = fmt::format("{}: {} tokens", path_, fresh->size());
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(fresh);
  edition_.fetch_add(1, std::memory_order_release);
  return told;
}

std::expected<Grant, Refusal> Gatekeeper::GrantFor(const std::string& shown, bool is_local) {
  if (shown.empty() && (path_.empty() || is_local)) {
    return Grant{};
  }
  if (path_.empty()) {
    return Refuse(DeliveryError::kBadToken, "there are no tokens here: show none");
  }
  if (shown.empty()) {
    return Refuse(DeliveryError::kBadToken, "a token is needed here");
  }
  const TokenHash hash = HashOf(shown);
  const std::lock_guard lock(mutex_);
  const Token* const token = FindToken(*tokens_, hash);
  if (token == nullptr) {
    return Refuse(DeliveryError::kBadToken, "not known, or revoked");
  }
  return Grant{.token = {tokens_, token}, .edition = edition()};
}

std::expected<Grant, Refusal> Gatekeeper::Admit(Request& request, bool is_local) {
  auto grant = GrantFor(std::exchange(request.text.token, {}), is_local);
  if (!grant || !grant->token) {
    return grant;
  }
  for (const auto narrow : {NarrowGroups, NarrowFilter, NarrowCursor}) {
    if (auto narrowed = narrow(*grant->token, request); !narrowed) {
      return std::unexpected(std::move(narrowed.error()));
    }
  }
  return grant;
}

std::expected<Grant, Refusal> Gatekeeper::AdmitAdministrator(const std::string& shown,
                                                             bool is_local) {
  if (!is_local && path_.empty()) {
    return Refuse(DeliveryError::kNotPermitted, "administration is for the Unix socket");
  }
  auto grant = GrantFor(shown, is_local);
  if (grant && grant->token && !grant->token->may_administer) {
    return Refuse(DeliveryError::kNotPermitted, "this token may not administer");
  }
  return grant;
}

std::expected<Grant, Refusal> Gatekeeper::Renew(const Grant& grant) {
  if (!grant.token) {
    return grant;
  }
  const std::lock_guard lock(mutex_);
  const Token* const now = FindToken(*tokens_, grant.token->hash);
  if (now == nullptr) {
    return Refuse(DeliveryError::kBadToken, "your token was revoked");
  }
  if (!GrantsAsMuch(*now, *grant.token)) {
    return Refuse(DeliveryError::kNotPermitted, "your token's rights changed: ask again");
  }
  return Grant{.token = {tokens_, now}, .edition = edition()};
}

}  // namespace flatline
