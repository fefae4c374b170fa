// The entry of a payload: what is written is read, and what anybody left in the region is harmless.
#include <flatline/payload.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include <gtest/gtest.h>

namespace flatline {
namespace {

Payload Saying(std::string_view text) {
  Payload out{.id = 42, .heard_ns = 7, .sent_ns = 9, .incarnation = 3, .sequence = 5};
  out.said = kSaidText;
  out.text_size = static_cast<std::uint8_t>(text.size());
  std::ranges::copy(text, out.text.begin());
  return out;
}

TEST(Payload, IsReadAsItWasWritten) {
  PayloadEntry entry;
  WritePayload(entry, Saying("disk nearly full"));
  const auto read = ReadPayload(entry);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, 42U);
  EXPECT_EQ(OwnerOf(entry), 42U);
  EXPECT_EQ(read->heard_ns, 7);
  EXPECT_EQ(read->sent_ns, 9U);
  EXPECT_EQ(read->incarnation, 3U);
  EXPECT_EQ(read->sequence, 5U);
  EXPECT_EQ(read->words(), "disk nearly full");
}

TEST(Payload, OfAnEntryOfZeroesIsOfNobody) {
  const PayloadEntry entry{};
  const auto read = ReadPayload(entry);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, kNoEndpoint);
  EXPECT_EQ(read->words(), "");
}

TEST(Payload, WhoseWriterWasKilledIsNotRead) {
  PayloadEntry entry;
  WritePayload(entry, Saying("whole"));
  entry.version.fetch_or(1);
  EXPECT_FALSE(ReadPayload(entry)) << "and the reader does not wait for ever";
  WritePayload(entry, Saying("again"));
  EXPECT_EQ(ReadPayload(entry)->words(), "again") << "the next one mends it";
}

TEST(Payload, IsNeverLongerThanItsRoom) {
  PayloadEntry entry;
  Payload payload = Saying("x");
  payload.text_size = std::numeric_limits<std::uint8_t>::max();
  WritePayload(entry, payload);
  EXPECT_EQ(ReadPayload(entry)->words().size(), kMostPayloadText);
}

TEST(Payload, VersionsWrap) {
  PayloadEntry entry;
  entry.version.store(std::numeric_limits<std::uint64_t>::max() - 1);
  WritePayload(entry, Saying("wrapped"));
  EXPECT_EQ(entry.version.load(), 0U);
  EXPECT_EQ(ReadPayload(entry)->words(), "wrapped");
}

}  // namespace
}  // namespace flatline
