// What is behind the fixed part of a heartbeat: read where its lengths add up, void where they do
// not, whatever the values.
#include "dataplane/payload_elements.h"

#include "tests/dataplane/frames.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing_frames::Element;
using testing_frames::GroupElement;
using testing_frames::NumberElement;
using testing_frames::TextElement;
using Bytes = std::vector<std::byte>;

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

std::string TextOf(const PayloadElements& elements) {
  return {reinterpret_cast<const char*>(elements.text.data()), elements.text.size()};
}

bool IsBad(const Bytes& payload) {
  const auto read = ParsePayloadElements(payload);
  return !read && read.error() == DropReason::kBadPayload;
}

TEST(PayloadElements, AreReadInAnyOrder) {
  const Bytes payload = Joined({TextElement("disk full"),
                                NumberElement(kElementMemory, 875),
                                Element(200, TextElement("unknown")),
                                GroupElement(7),
                                NumberElement(kElementLoad, 12'500)});
  const auto read = ParsePayloadElements(payload);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->group, 7U);
  EXPECT_EQ(read->load, 12'500U);
  EXPECT_EQ(read->memory, 875U);
  EXPECT_EQ(TextOf(*read), "disk full");
  EXPECT_EQ(read->said, kSaidLoad | kSaidMemory | kSaidText);
}

TEST(PayloadElements, OfAGroupAloneSayNothing) {
  const auto read = ParsePayloadElements(GroupElement(7));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->said, 0);
}

TEST(PayloadElements, OfTwoOfATypeTheLaterHolds) {
  const Bytes payload = Joined({NumberElement(kElementLoad, 1),
                                TextElement("first"),
                                NumberElement(kElementLoad, 2),
                                TextElement("")});
  const auto read = ParsePayloadElements(payload);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->load, 2U);
  EXPECT_EQ(TextOf(*read), "");
  EXPECT_EQ(read->said, kSaidLoad | kSaidText);
}

TEST(PayloadElements, WithAWrongLengthAreBad) {
  const std::array<std::byte, 255> zeroes{};
  for (const std::uint8_t type : {kElementGroup, kElementLoad, kElementMemory}) {
    for (std::size_t length = 0; length <= 255; ++length) {
      EXPECT_EQ(IsBad(Element(type, std::span(zeroes).first(length))), length != 4)
          << "type " << int{type} << ", length " << length;
    }
  }
  for (std::size_t length = 0; length <= 255; ++length) {
    EXPECT_EQ(IsBad(Element(kElementText, std::span(zeroes).first(length))),
              length > kMostPayloadText)
        << length;
  }
}

TEST(PayloadElements, CutShortAreBad) {
  const Bytes payload = Joined({NumberElement(kElementLoad, 1), TextElement("four")});
  for (std::size_t size = 1; size < payload.size(); ++size) {
    const bool is_whole = size == 6;
    EXPECT_EQ(IsBad(Bytes(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size))),
              !is_whole)
        << size;
  }
}

TEST(PayloadElements, MayHaveAnyValue) {
  const Bytes payload = Joined({NumberElement(kElementLoad, 0xFFFFFFFF),
                                NumberElement(kElementMemory, 0xFFFFFFFF),
                                TextElement("\x1b[2J\xff\n")});
  const auto read = ParsePayloadElements(payload);
  ASSERT_TRUE(read) << "nobody is called silent for what he writes";
  EXPECT_EQ(read->memory, 0xFFFFFFFFU);
  EXPECT_EQ(TextOf(*read), "\x1b[2J\xff\n");
}

}  // namespace
}  // namespace flatline
