// Text of strangers: what is harmless stays, what would act on the terminal becomes '?'.
#include "control/cli/printable.h"

#include "control/cli/utf8.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using namespace std::string_view_literals;

TEST(Printable, LeavesWhatIsRead) {
  for (const std::string_view text :
       {"web-7"sv, "disk nearly full, 97 %"sv, "Zürich"sv, "東京"sv, "Ω ≤ 2"sv, "🔥"sv, ""sv}) {
    EXPECT_EQ(Printable(text), text);
  }
}

struct Harm {
  const char* sentence;
  std::string_view text;
  std::string_view printed;
};

TEST(Printable, TakesOutWhatActs) {
  for (const Harm& harm : {
           Harm{"an escape sequence", "\x1b[2J", "?[2J"},
           Harm{"lines, tabs, bells, zeroes", "a\nb\tc\a\0d"sv, "a?b?c??d"},
           Harm{"delete", "\x7f", "?"},
           Harm{"the same sequence by one character of C1", "\u009b2J", "?2J"},
           Harm{"an order of writing turned round", "\u202exe.exe", "?xe.exe"},
           Harm{"isolated, joined, of no width", "\u2066a\u200db\u200bc\ufeff", "?a?b?c?"},
           Harm{"other ends of lines", "a\u2028b\u2029c\u0085d", "a?b?c?d"},
           Harm{"tags that nobody sees", "\U000E0041", "?"},
           Harm{"a byte that begins nothing", "\x80\xff", "??"},
           Harm{"a character cut short", "\xe2\x82", "??"},
           Harm{"cut short before another", "\xe2\x82z", "??z"},
           Harm{"more bytes than are needed", "\xc0\x8a\xe0\x80\x8a", "?????"},
           Harm{"half a pair of UTF-16", "\xed\xa0\x80", "?"},
           Harm{"beyond all characters", "\xf4\x90\x80\x80\xf8\x88\x80\x80\x80", "??????"},
       }) {
    EXPECT_EQ(Printable(harm.text), harm.printed) << harm.sentence;
  }
}

TEST(Utf8, IsMoreThanWhatIsShown) {
  for (const std::string_view text : {""sv, "Zürich"sv, "a\u200db"sv, "\x1b"sv, "🔥"sv}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const std::string_view text :
       {"\x80"sv, "\xff"sv, "a\xe2\x82"sv, "\xc0\x8a"sv, "\xed\xa0\x80"sv, "\xf4\x90\x80\x80"sv}) {
    EXPECT_FALSE(IsUtf8(text)) << Printable(text);
  }
}

}  // namespace
}  // namespace flatline::cli
