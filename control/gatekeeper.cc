#include "control/gatekeeper.h"

#include <algorithm>
#include <iterator>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace flatline {

void Gatekeeper::Refresh() {
  struct stat about{};
  std::optional<Edition> now;
  if (::stat(path_.c_str(), &about) == 0) {
    now = Edition{.inode = about.st_ino,
                  .changed_ns = about.st_ctim.tv_sec * 1'000'000'000 + about.st_ctim.tv_nsec,
                  .size = about.st_size,
                  .mode = about.st_mode};
  }
  if (now && now == edition_) {
    return;
  }
  edition_ = now;
  auto read = ReadTokens(path_);
  if (!read) {
    spdlog::error("{}; until then nobody is let in over TCP", read.error());
    tokens_.clear();
    return;
  }
  tokens_ = std::move(*read);
}

std::expected<void, Refusal> Gatekeeper::Admit(Request& request, bool is_local) {
  const std::string shown = std::exchange(request.text.token, {});
  if (shown.empty() && (path_.empty() || is_local)) {
    return {};
  }
  if (path_.empty()) {
    return Refuse(DeliveryError::kBadToken, "there are no tokens here: show none");
  }
  if (shown.empty()) {
    return Refuse(DeliveryError::kBadToken, "a token is needed here");
  }
  const TokenHash hash = HashOf(shown);
  const std::lock_guard lock(mutex_);
  Refresh();
  const Token* const token = FindToken(tokens_, hash);
  if (token == nullptr) {
    return Refuse(DeliveryError::kBadToken, "not known, or revoked");
  }
  if (token->groups.empty()) {
    return {};
  }
  if (request.groups.empty()) {
    request.groups = token->groups;
    return {};
  }
  std::vector<Group> both;
  std::ranges::set_intersection(request.groups, token->groups, std::back_inserter(both));
  if (both.empty()) {
    return Refuse(DeliveryError::kNotPermitted, "none of these groups is yours");
  }
  request.groups = std::move(both);
  return {};
}

}  // namespace flatline
