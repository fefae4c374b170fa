// The command sink against real commands, and the signature against a vector of another's making.
#include "control/sinks/command_sink.h"
#include "control/sinks/signature.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::sinks {
namespace {

using ::testing::HasSubstr;

const Batch the_batch{.generation = 0x2a, .first = 5, .last = 9, .records = 2, .body = "a\nb\n"};

Answer RunShell(const std::string& script, Duration limit = std::chrono::seconds(20)) {
  return CommandSink({"/bin/sh", "-c", script}, limit).Deliver(the_batch);
}

TEST(CommandSink, GivesTheBatchAndItsKey) {
  const Answer answer = RunShell(
      "test \"$(cat)\" = \"$(printf 'a\\nb')\" && test $FLATLINE_KEY = 0000002a-5-9 && "
      "test $FLATLINE_FIRST = 5 && test $FLATLINE_LAST = 9");
  EXPECT_TRUE(answer.taken) << answer.why;
}

TEST(CommandSink, IsTakenOnlyByStatusZero) {
  EXPECT_THAT(RunShell("exit 3").why, HasSubstr("exit status 3"));
  EXPECT_THAT(RunShell("kill -9 $$").why, HasSubstr("signal 9"));
  EXPECT_TRUE(RunShell("exit 0").taken);  // without reading
  EXPECT_THAT(CommandSink({"/nonexistent"}, std::chrono::seconds(1)).Deliver(the_batch).why,
              HasSubstr("needed to run it"));
}

TEST(CommandSink, EndsWhatTakesTooLong) {
  const Answer answer = RunShell("sleep 600 & sleep 600", std::chrono::milliseconds(50));
  EXPECT_FALSE(answer.taken);
  EXPECT_THAT(answer.why, HasSubstr("took longer"));
}

// printf '1700000000.0000002a-5-9.a\nb\n' | openssl dgst -sha256 -hmac 0123456789abcdef
TEST(Signature, IsTheOneThatOpensslMakes) {
  EXPECT_EQ(Sign("0123456789abcdef", 1'700'000'000, KeyOf(the_batch), the_batch.body),
            "hmac-sha256=c2d9399da9fc654fc9e9486ba84f94b6d76fc9ccb744db2938b389cd522c9bd6");
}

}  // namespace
}  // namespace flatline::sinks
