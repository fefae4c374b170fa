// Who may subscribe over TCP, and what they may see and do: a file of a line for each, of which the
// token itself is no part. Read by control, written by `flatline token`. Tokens are 256 random
// bits, so a plain BLAKE2b of them is enough; every entry is compared, in constant time
// (libsodium). Bounds: kMostTokens. Cost of a look-up: a hash, and 32 bytes an entry.
//
//   # name  BLAKE2b-256 of the token  groups that it may see  what else
//   billing 5f0c…                     1,2,17
//   hall-b  77cd…                     *                       filter rack=r7,r8 and not profile:5
//   ops     91ab…                     *                       admin
#pragma once

#include <flatline/delivery.h>

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

using TokenHash = std::array<std::uint8_t, 32>;

struct Token {
  std::string name;  // letters, digits, ".", "_", "-"
  TokenHash hash{};
  std::vector<Group> groups{};  // sorted; none: all of them
  std::string filter{};         // an expression (filter_text.h); empty: nothing is left out
  bool may_administer = false;  // over TCP; the Unix socket is guarded by its mode

  bool operator==(const Token&) const = default;
};

using Tokens = std::vector<Token>;

inline constexpr std::size_t kMostTokens = 4096;

// A new secret: "flt_" and 43 characters.
[[nodiscard]] std::string MakeTokenText();
[[nodiscard]] TokenHash HashOf(std::string_view token_text);

// The error says in which line, and what to do.
[[nodiscard]] std::expected<Tokens, std::string> ParseTokens(std::string_view text);
[[nodiscard]] std::string PrintTokens(const Tokens& tokens);

// "1,2,17" or "*".
[[nodiscard]] std::optional<std::vector<Group>> ParseTokenGroups(std::string_view text);
[[nodiscard]] bool IsTokenName(std::string_view name) noexcept;

// Why a token cannot be limited to what this expression says; empty: it can. It must be about what
// an endpoint is, not about what happened to it: a row of a snapshot has no reason.
[[nodiscard]] std::string FaultInTokenFilter(std::string_view text);

// Whoever was let in by `then` was promised nothing that `now` does not grant.
[[nodiscard]] bool GrantsAsMuch(const Token& now, const Token& then);

// The one with this hash, or null.
[[nodiscard]] const Token* FindToken(const Tokens& tokens, const TokenHash& hash) noexcept;

// The file, which must be closed to everybody but its owner and group. A file that is not there is
// an error, too: `flatline token new` makes it.
[[nodiscard]] std::expected<Tokens, std::string> ReadTokens(const std::string& path);

// Replaced as a whole, mode 0640, with the owner that the old one had.
[[nodiscard]] std::expected<void, std::string> WriteTokens(const std::string& path,
                                                           const Tokens& tokens);

}  // namespace flatline
