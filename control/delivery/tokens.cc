#include "control/delivery/tokens.h"

#include "control/filter/filter_text.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sodium.h>
#include <sstream>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace flatline {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMostFile = std::size_t{16} << 20;

std::optional<TokenHash> ParseHash(std::string_view text) {
  TokenHash out{};
  std::size_t size = 0;
  const char* end = nullptr;
  const bool is_hex =
      ::sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end) == 0;
  return is_hex && size == out.size() && end == text.data() + text.size() ? std::optional(out)
                                                                          : std::nullopt;
}

// What may stand behind the groups: `admin`, then `filter` and an expression up to the line's end.
std::expected<void, std::string> ParseRights(std::istringstream& words, Token& into) {
  std::string word;
  words >> word;
  if (word == "admin") {
    into.may_administer = true;
    word.clear();
    words >> word;
  }
  if (word.empty()) {
    return {};
  }
  if (word != "filter") {
    return std::unexpected("needed `admin` or `filter EXPRESSION` behind the groups, found " +
                           word);
  }
  std::getline(words >> std::ws, into.filter);
  into.filter.erase(into.filter.find_last_not_of(" \t\r") + 1);
  const std::string fault = FaultInTokenFilter(into.filter);
  return fault.empty() ? std::expected<void, std::string>{} : std::unexpected("filter: " + fault);
}

std::expected<Token, std::string> ParseLine(const std::string& line) {
  std::istringstream words(line);
  Token out;
  std::string hash;
  std::string groups;
  if (!(words >> out.name >> hash >> groups)) {
    return std::unexpected("needed a name, a hash and groups");
  }
  if (!IsTokenName(out.name)) {
    return std::unexpected("a name has up to 64 letters, digits and . _ -");
  }
  const auto parsed_hash = ParseHash(hash);
  if (!parsed_hash) {
    return std::unexpected("a hash has 64 hexadecimal digits");
  }
  auto parsed_groups = ParseTokenGroups(groups);
  if (!parsed_groups) {
    return std::unexpected("groups are * or up to 1024 numbers such as 1,2,17");
  }
  out.hash = *parsed_hash;
  out.groups = std::move(*parsed_groups);
  if (auto rights = ParseRights(words, out); !rights) {
    return std::unexpected(std::move(rights.error()));
  }
  return out;
}

std::unexpected<std::string> Trouble(const std::string& path, const char* remedy) {
  return std::unexpected(fmt::format("{}: needed the file of tokens, found: {}; {}",
                                     path,
                                     std::generic_category().message(errno),
                                     remedy));
}

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(file) == 0;
}

}  // namespace

std::string MakeTokenText() {
  std::array<std::uint8_t, kSecretBytes> secret{};
  ::randombytes_buf(secret.data(), secret.size());
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::array<char, sodium_base64_ENCODED_LEN(kSecretBytes, kVariant)> text{};
  ::sodium_bin2base64(text.data(), text.size(), secret.data(), secret.size(), kVariant);
  return std::string("flt_") + text.data();
}

TokenHash HashOf(std::string_view token_text) {
  TokenHash out{};
  ::crypto_generichash(out.data(),
                       out.size(),
                       reinterpret_cast<const unsigned char*>(token_text.data()),
                       token_text.size(),
                       nullptr,
                       0);
  return out;
}

bool IsTokenName(std::string_view name) noexcept {
  constexpr std::size_t kMostName = 64;
  return !name.empty() && name.size() <= kMostName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string FaultInTokenFilter(std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
    return "an expression is one line, without tabs";
  }
  const auto tree = ParseFilter(text);
  if (!tree) {
    return tree.error().Text();
  }
  const bool is_of_events = std::ranges::any_of(
      tree->tests, [](const FilterTest& test) { return IsOfEvents(test.fact); });
  return is_of_events ? "reason:, change: and mark: are not for tokens, for a snapshot has none"
                      : "";
}

bool GrantsAsMuch(const Token& now, const Token& then) {
  const bool has_groups = now.groups.empty() ||
                          (!then.groups.empty() && std::ranges::includes(now.groups, then.groups));
  return has_groups && (now.filter.empty() || now.filter == then.filter) &&
         (now.may_administer || !then.may_administer) && now.name == then.name;
}

std::optional<std::vector<Group>> ParseTokenGroups(std::string_view text) {
  std::vector<Group> out;
  if (text == "*") {
    return out;
  }
  for (;;) {
    Group group = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), group);
    if (error != std::errc{} || out.size() == kMaxFilterGroups) {
      return std::nullopt;
    }
    out.push_back(group);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) {
      break;
    }
    if (text.front() != ',') {
      return std::nullopt;
    }
    text.remove_prefix(1);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

std::expected<Tokens, std::string> ParseTokens(std::string_view text) {
  Tokens out;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos || line.front() == '#') {
      continue;
    }
    auto token = ParseLine(line);
    if (!token) {
      return std::unexpected(fmt::format("line {}: {}", number, token.error()));
    }
    if (std::ranges::find(out, token->name, &Token::name) != out.end()) {
      return std::unexpected(fmt::format("line {}: {} is there twice", number, token->name));
    }
    if (const Token* const same = FindToken(out, token->hash)) {
      return std::unexpected(
          fmt::format("line {}: {} has the hash of {}", number, token->name, same->name));
    }
    if (out.size() == kMostTokens) {
      return std::unexpected(fmt::format("line {}: at most {} tokens", number, kMostTokens));
    }
    out.push_back(std::move(*token));
  }
  return out;
}

std::string PrintTokens(const Tokens& tokens) {
  std::string out =
      "# name, BLAKE2b-256 of the token, groups that it may see, [admin] [filter EXPRESSION]\n";
  for (const Token& token : tokens) {
    out += token.name + " ";
    for (const std::uint8_t byte : token.hash) {
      out += fmt::format("{:02x}", byte);
    }
    std::string groups;
    for (const Group group : token.groups) {
      groups += (groups.empty() ? "" : ",") + std::to_string(group);
    }
    out += " " + (groups.empty() ? "*" : groups) + (token.may_administer ? " admin" : "");
    out += (token.filter.empty() ? "" : " filter " + token.filter) + "\n";
  }
  return out;
}

const Token* FindToken(const Tokens& tokens, const TokenHash& hash) noexcept {
  const Token* out = nullptr;
  for (const Token& token : tokens) {
    if (::sodium_memcmp(token.hash.data(), hash.data(), hash.size()) == 0) {
      out = &token;  // and on: the time does not tell which
    }
  }
  return out;
}

std::expected<Tokens, std::string> ReadTokens(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // a pipe does not wait
  if (file < 0) {
    return Trouble(path, "make it with `flatline token new`, or let control's group read it");
  }
  struct stat about{};
  const bool is_known = ::fstat(file, &about) == 0;
  std::string text(static_cast<std::size_t>(about.st_size) <= kMostFile
                       ? static_cast<std::size_t>(about.st_size)
                       : 0,
                   '\0');
  const ssize_t size = ::read(file, text.data(), text.size());
  ::close(file);
  if (!is_known || !S_ISREG(about.st_mode) || size != about.st_size) {
    return std::unexpected(path + ": needed a plain file of at most 16 MiB, found something else");
  }
  if ((about.st_mode & 0037U) != 0) {
    return std::unexpected(
        fmt::format("{}: needed a file that nobody but its owner and group can read, and only its "
                    "owner write, found mode {:03o}; chmod 0640",
                    path,
                    about.st_mode & 0777U));
  }
  auto out = ParseTokens(text);
  return out ? out : std::unexpected(path + ": " + out.error());
}

std::expected<void, std::string> WriteTokens(const std::string& path, const Tokens& tokens) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (file < 0) {
    return Trouble(path, "run as its owner");
  }
  struct stat old{};
  const bool keeps_owner =
      ::stat(path.c_str(), &old) != 0 || ::fchown(file, old.st_uid, old.st_gid) == 0;
  const bool written =
      keeps_owner && ::fchmod(file, 0640) == 0 && WriteAll(file, PrintTokens(tokens));
  if (::close(file) != 0 || !written || ::rename(fresh.c_str(), path.c_str()) != 0) {
    const auto out = Trouble(path, "run as its owner, and see that there is room");
    ::unlink(fresh.c_str());
    return out;
  }
  return {};
}

}  // namespace flatline
