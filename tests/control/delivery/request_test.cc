// What a stranger may send, as bytes: whole, in pieces, and wrong in each way.
#include "control/delivery/request.h"

#include <flatline/command_ring.h>
#include <flatline/guard.h>

#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

template <typename T>
void Append(std::vector<std::byte>& bytes, const T& value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof(value));
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

std::vector<std::byte> BytesOf(const DeliveryRequest& header) {
  std::vector<std::byte> out;
  Append(out, header);
  return out;
}

DeliveryError ErrorOf(const DeliveryRequest& header) {
  const auto parsed = ParseRequest(BytesOf(header));
  EXPECT_FALSE(parsed);
  EXPECT_LE(parsed.error().text.size(), kErrorTextSize);
  return parsed.error().error;
}

TEST(ParseRequest, TakesASubscription) {
  DeliveryRequest header;
  header.kind = RequestKind::kSubscribeFrom;
  header.sequence = 77;
  header.count = 3;
  auto bytes = BytesOf(header);
  for (const Group group : {9U, 4U, 9U}) {
    Append(bytes, group);
  }
  bytes.push_back(std::byte{1});  // what follows is another matter
  const auto parsed = ParseRequest(bytes);
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->header.sequence, 77U);
  EXPECT_EQ((*parsed)->groups, (std::vector<Group>{4, 9}));
  EXPECT_EQ((*parsed)->bytes, bytes.size() - 1);
}

TEST(ParseRequest, TakesVersionOne) {
  DeliveryRequest header;
  header.version = 1;
  EXPECT_TRUE(ParseRequest(BytesOf(header)));
}

TEST(ParseRequest, TakesTextBehindTheGroups) {
  const std::string_view text = "cursor=billing\n";
  DeliveryRequest header;
  header.count = 1;
  header.text_bytes = static_cast<std::uint32_t>(text.size());
  header.options = kWantNames | kAcknowledges;
  header.batch_bytes = kMostBatchBytes;
  header.batch_age_us = kMostBatchAgeUs;
  auto bytes = BytesOf(header);
  Append(bytes, Group{7});
  for (const char c : text) {
    const auto early = ParseRequest(bytes);
    ASSERT_TRUE(early && !*early);
    bytes.push_back(static_cast<std::byte>(c));
  }
  const auto parsed = ParseRequest(bytes);
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->text.cursor, "billing");
  EXPECT_EQ((*parsed)->groups, std::vector<Group>{7});
  EXPECT_EQ((*parsed)->bytes, bytes.size());
}

TEST(ParseRequest, WaitsForTheRest) {
  DeliveryRequest header;
  header.kind = RequestKind::kAdminister;
  header.count = 2;
  auto bytes = BytesOf(header);
  Append(bytes, AdminEntry{.id = 1, .command = 1});
  Append(bytes, AdminEntry{.id = 2, .group = 3, .profile = 4, .command = 2});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto parsed = ParseRequest(std::span(bytes).first(length));
    ASSERT_TRUE(parsed) << length;
    EXPECT_FALSE(*parsed) << length;
  }
  const auto parsed = ParseRequest(bytes);
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->entries.at(1).group, 3U);
}

TEST(ParseRequest, AnOrderToTheGuardIsOneThatThereIs) {
  const auto is_taken = [](const AdminEntry& entry) {
    DeliveryRequest header;
    header.kind = RequestKind::kAdminister;
    header.count = 1;
    auto bytes = BytesOf(header);
    Append(bytes, entry);
    return ParseRequest(bytes).has_value();
  };
  const std::uint64_t hold = GuardOrder{GuardMode::kHold, 60}.Pack();
  EXPECT_TRUE(is_taken({.id = hold, .command = 3}));
  EXPECT_FALSE(is_taken({.id = 0, .command = 3}));
  EXPECT_FALSE(is_taken({.id = 9, .command = 3}));
  EXPECT_TRUE(is_taken({.id = hold, .group = 1, .command = 3})) << "of that group alone";
  EXPECT_FALSE(is_taken({.id = hold, .profile = 1, .command = 3}));
  EXPECT_FALSE(is_taken({.id = hold, .command = 0}));
  EXPECT_FALSE(is_taken({.id = hold, .command = 200}));
}

TEST(ParseRequest, MaintenanceIsOfAnEndpointOrAGroupAndHasATime) {
  const auto refusal_of = [](const AdminEntry& entry, std::string_view text) {
    DeliveryRequest header;
    header.kind = RequestKind::kAdminister;
    header.count = 1;
    header.text_bytes = static_cast<std::uint32_t>(text.size());
    auto bytes = BytesOf(header);
    const auto of_text = std::as_bytes(std::span(text));
    bytes.insert(bytes.end(), of_text.begin(), of_text.end());
    Append(bytes, entry);
    const auto parsed = ParseRequest(bytes);
    return parsed ? std::string() : parsed.error().text;
  };
  EXPECT_EQ(refusal_of({.id = 42, .command = 4}, "for=60\nreason=disk\n"), "");
  EXPECT_EQ(refusal_of({.group = 7, .command = 4}, "for=60\n"), "");
  EXPECT_EQ(refusal_of({.group = 7, .command = 5}, ""), "");
  EXPECT_NE(refusal_of({.id = 42, .command = 4}, ""), "") << "for how long?";
  EXPECT_NE(refusal_of({.id = 42, .group = 7, .command = 4}, "for=60\n"), "");
  EXPECT_NE(refusal_of({.command = 4}, "for=60\n"), "");
  EXPECT_NE(refusal_of({.id = 42, .profile = 1, .command = 5}, ""), "");
  EXPECT_NE(refusal_of({.id = 42, .command = 4}, "for=60\ncursor=a\n"), "");
}

TEST(ParseRequest, RefusesAStrangerByItsFirstByte) {
  const std::string_view http = "GET / HTTP/1.1\r\n";
  const auto bytes = std::as_bytes(std::span(http.data(), http.size()));
  for (std::size_t length = 1; length <= bytes.size(); ++length) {
    ASSERT_FALSE(ParseRequest(bytes.first(length)));
  }
}

TEST(ParseRequest, RefusesWhatIsWrong) {
  struct Case {
    const char* sentence;
    DeliveryError error;
    void (*spoil)(DeliveryRequest&);
  };

  static constexpr Case kCases[] = {
      {"magic", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.magic[3] = 'X'; }},
      {"version", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.version = 3; }},
      {"no kind", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.kind = RequestKind{0}; }},
      {"kind", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.kind = RequestKind{5}; }},
      {"flag", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.want_health = 2; }},
      {"reserved", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.reserved0 = 1; }},
      {"reserved end", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.reserved[23] = 1; }},
      {"text in version 1",
       DeliveryError::kBadRequest,
       [](DeliveryRequest& r) {
         r.version = 1;
         r.text_bytes = 1;
       }},
      {"option", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.options = 1U << 31; }},
      {"batch", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.batch_bytes = ~0U; }},
      {"age", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.batch_age_us = ~0U; }},
      {"text", DeliveryError::kBadRequest, [](DeliveryRequest& r) { r.text_bytes = 16385; }},
      {"an administrator's options",
       DeliveryError::kBadRequest,
       [](DeliveryRequest& r) {
         r.kind = RequestKind::kAdminister;
         r.count = 1;
         r.options = kAcknowledges;
       }},
      {"groups", DeliveryError::kTooManyGroups, [](DeliveryRequest& r) { r.count = 1025; }},
      {"all groups", DeliveryError::kTooManyGroups, [](DeliveryRequest& r) { r.count = ~0U; }},
      {"no entries",
       DeliveryError::kBadRequest,
       [](DeliveryRequest& r) { r.kind = RequestKind::kAdminister; }},
      {"entries",
       DeliveryError::kBadRequest,
       [](DeliveryRequest& r) {
         r.kind = RequestKind::kAdminister;
         r.count = kMaxAdminEntries + 1;
       }},
  };
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.sentence);
    DeliveryRequest header;
    one.spoil(header);
    EXPECT_EQ(ErrorOf(header), one.error);
  }
}

TEST(ParseRequest, TakesAnAdministratorsTokenBeforeTheEntries) {
  const auto parse = [](std::string_view text) {
    DeliveryRequest header;
    header.kind = RequestKind::kAdminister;
    header.count = 1;
    header.text_bytes = static_cast<std::uint32_t>(text.size());
    auto bytes = BytesOf(header);
    const auto words = std::as_bytes(std::span(text));
    bytes.insert(bytes.end(), words.begin(), words.end());
    Append(bytes, AdminEntry{.id = 9, .command = 1});
    return ParseRequest(bytes);
  };
  const auto parsed = parse("token=flt_x\n");
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->text.token, "flt_x");
  ASSERT_EQ((*parsed)->entries.size(), 1U);
  EXPECT_EQ((*parsed)->entries[0].id, 9U);
  EXPECT_TRUE(parse(""));
  EXPECT_FALSE(parse("token=flt_x\ncursor=c\n"));
  EXPECT_FALSE(parse("filter=group:1\n"));
}

TEST(ParseRequest, RefusesABatchWithOneBadEntry) {
  const AdminEntry bad[] = {{.id = 0, .command = 1},
                            {.id = 5, .command = 0},
                            {.id = 5, .command = 3},
                            {.id = 5, .command = 1, .reserved = 1}};
  for (const AdminEntry& entry : bad) {
    DeliveryRequest header;
    header.kind = RequestKind::kAdminister;
    header.count = 2;
    auto bytes = BytesOf(header);
    Append(bytes, AdminEntry{.id = 1, .command = 1});
    Append(bytes, entry);
    EXPECT_FALSE(ParseRequest(bytes));
  }
}

TEST(ParseRequest, ReadsNothingBeyondRandomBytes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(random() % 200 + 1);
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(random());
    }
    DeliveryRequest header;
    header.kind = static_cast<RequestKind>(random() % 6);
    header.count = random() % 10;
    std::memcpy(bytes.data(), &header, std::min(bytes.size(), sizeof(header)));
    const auto parsed = ParseRequest(bytes);
    if (parsed && *parsed) {
      EXPECT_LE((*parsed)->bytes, bytes.size());
    }
  }
}

}  // namespace
}  // namespace flatline
