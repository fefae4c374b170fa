// Enrolment in bulk over the Unix socket, against a scripted server.
#include "tests/client/scripted_server.h"

#include <flatline/client.h>

#include <cstdint>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::HasSubstr;

constexpr Duration kLimit{10'000'000'000};

std::string Path() {
  return "/tmp/flatline-administer-test-" + std::to_string(::getpid()) + ".sock";
}

std::vector<AdminEntry> Entries(std::uint64_t count) {
  std::vector<AdminEntry> out(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    out[i] = {.id = i + 1, .command = static_cast<std::uint8_t>(CommandKind::kEnrol)};
  }
  return out;
}

TEST(Administer, AnswersComeInOrderOverSeveralBatches) {
  const ScriptedServer server({Script{}, Script{}.Send({Hello(1)})}, Path());
  const std::vector<AdminEntry> entries = Entries(kMaxAdminEntries + 100);
  std::vector<AdminResult> results;
  const auto done = Administer("unix:" + Path(), entries, kLimit, [&](const AdminResult& result) {
    results.push_back(result);
  });
  ASSERT_TRUE(done) << done.error();
  ASSERT_EQ(results.size(), entries.size());
  for (std::uint64_t i = 0; i < results.size(); ++i) {
    ASSERT_EQ(results[i].id, i + 1);
  }
  EXPECT_EQ(results[12].status, CommandStatus::kUnknownEndpoint);
  EXPECT_EQ(results[13].status, CommandStatus::kDone);
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_EQ(server.requests()[0].count, kMaxAdminEntries);
  EXPECT_EQ(server.requests()[1].count, 100U);
}

std::string ErrorOf(std::uint64_t count, Duration timeout) {
  const auto done =
      Administer("unix:" + Path(), Entries(count), timeout, [](const AdminResult&) {});
  return done ? "no error" : done.error();
}

TEST(Administer, NobodyThereSaysWhatToDo) {
  EXPECT_THAT(ErrorOf(1, kLimit), HasSubstr("start flatline-control"));
}

TEST(Administer, RefusalIsToldInItsWords) {
  DeliveryRecord refusal{.kind = RecordKind::kError,
                         .reason = static_cast<std::uint8_t>(DeliveryError::kNoDataplane)};
  const std::string text = "no region";
  text.copy(reinterpret_cast<char*>(&refusal) + kErrorTextOffset, kErrorTextSize);
  const ScriptedServer server({Script{}.Send({Sealed(refusal)})}, Path());
  EXPECT_THAT(ErrorOf(1, kLimit), HasSubstr("no dataplane: no region"));
}

TEST(Administer, AnswerToSomethingElseIsAnError) {
  const ScriptedServer server(
      {Script{}.Send({Sealed({.endpoint = 99, .kind = RecordKind::kCommandResult})})}, Path());
  EXPECT_THAT(ErrorOf(1, kLimit), HasSubstr("something else"));
}

TEST(Administer, LyingChecksumIsAnError) {
  const ScriptedServer server({Script{}.Send({DeliveryRecord{.endpoint = 1}})}, Path());
  EXPECT_THAT(ErrorOf(1, kLimit), HasSubstr("checksum"));
}

TEST(Administer, BreakSaysHowManyWereDone) {
  // The second batch is refused.
  const ScriptedServer server({Script{}, Script{}.Send({Refused(DeliveryError::kNoDataplane)})},
                              Path());
  EXPECT_THAT(ErrorOf(kMaxAdminEntries + 1, kLimit), HasSubstr("(65536 of 65537 were done)"));
}

}  // namespace
}  // namespace flatline
