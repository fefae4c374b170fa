// Any text as the file of tokens: refused with the line, or what is taken has no name and no hash
// twice, is found by its hash, and prints as a text that means the same.
#include "control/delivery/tokens.h"

#include <flatline/check.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  const auto tokens = ParseTokens({reinterpret_cast<const char*>(data), size});
  if (!tokens) {
    FLATLINE_CHECK(tokens.error().starts_with("line "));
    return 0;
  }
  FLATLINE_CHECK(tokens->size() <= kMostTokens);
  for (const Token& token : *tokens) {
    FLATLINE_CHECK(FindToken(*tokens, token.hash) == &token);
    FLATLINE_CHECK(std::ranges::count(*tokens, token.name, &Token::name) == 1);
    FLATLINE_CHECK(IsTokenName(token.name));
    FLATLINE_CHECK(token.filter.empty() || FaultInTokenFilter(token.filter).empty());
    FLATLINE_CHECK(std::ranges::is_sorted(token.groups) && GrantsAsMuch(token, token));
  }
  const auto again = ParseTokens(PrintTokens(*tokens));
  FLATLINE_CHECK(again.has_value() && *again == *tokens);
  return 0;
}
