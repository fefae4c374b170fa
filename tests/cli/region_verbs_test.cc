// status, top, get and list against a region made by hand, without a dataplane.
#include "tests/cli/region_verbs.h"

#include "control/cli/observation.h"
#include "control/cli/status_text.h"
#include "tests/control/roster/roster_on_disk.h"

#include <flatline/region.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr Instant kNow{Duration{1'000'000'000'000}};

TEST_F(RegionVerbs, StatusOfARunningDataplane) {
  disk_.view().dataplane().counters[0].values[static_cast<std::size_t>(Counter::kAlive)] = 40;
  disk_.view().dataplane().counters[1].values[static_cast<std::size_t>(Counter::kAlive)] = 2;
  disk_.view().dataplane().counters[1].drops[static_cast<std::size_t>(DropReason::kRunt)] = 9;
  const Ran ran = Run({"status"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("dataplane  running"));
  EXPECT_THAT(ran.out, HasSubstr("control    has not joined"));
  EXPECT_THAT(ran.out, HasSubstr("42 alive"));
  EXPECT_THAT(ran.out, HasSubstr("runt"));
  EXPECT_THAT(ran.out, Not(HasSubstr("not-for-us"))) << "only what was dropped";
}

TEST_F(RegionVerbs, StatusNamesTheWorkerThatHangs) {
  Turn(1, MonotonicNow() - Duration{5'000'000'000});
  const Ran ran = Run({"status"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("HUNG"));
  EXPECT_THAT(ran.out, ContainsRegex("worker 1 .thread 101. for [5-9][.][0-9]+s"));
  EXPECT_THAT(ran.out, Not(HasSubstr("worker 0 (thread")));
}

TEST_F(RegionVerbs, StatusNamesTheCpuOfAPinnedWorker) {
  Turn(1, MonotonicNow() - Duration{5'000'000'000});
  disk_.view().dataplane().progress[1].cpu.store(3);
  EXPECT_THAT(Run({"status"}).out,
              ContainsRegex("worker 1 .thread 101, cpu 3. for [5-9][.][0-9]+s"));
}

TEST_F(RegionVerbs, StatusOfADataplaneThatIsStarting) {
  for (WorkerProgress& progress : disk_.view().dataplane().progress) {
    progress.turn_ns.store((MonotonicNow() - Duration{5'000'000'000}).time_since_epoch().count());
    progress.thread_id.store(0);
  }
  const Ran ran = Run({"status", "--json"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(json::parse(ran.out)["dataplane"], "starting");
}

TEST_F(RegionVerbs, StatusOfAControlThatHangsAndOfOneThatIsGone) {
  ControlSection& control = disk_.view().control();
  const auto since = MonotonicNow() - Duration{5'000'000'000};
  control.control_turn_ns.store(since.time_since_epoch().count());
  control.control_pid.store(static_cast<std::uint32_t>(::getpid()));
  const Ran hung = Run({"status"});
  EXPECT_EQ(hung.code, 1);
  EXPECT_THAT(hung.out, ContainsRegex("control    HUNG for [5-9][.][0-9]+s"));
  control.control_pid.store(0x7FFFFFFE);
  const Ran gone = Run({"status"});
  EXPECT_EQ(gone.code, 0);
  EXPECT_THAT(gone.out, ContainsRegex("control    silent for [5-9][.][0-9]+s"));
}

TEST_F(RegionVerbs, StatusOfAKilledAndOfAStoppedDataplane) {
  Turn(0, MonotonicNow() - Duration{5'000'000'000});
  disk_.view().header().dataplane_pid.store(0x7FFFFFFE);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("gone: pid 2147483646"));
  disk_.view().header().state.store(RegionState::kStopped);
  const Ran ran = Run({"status", "--json"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(json::parse(ran.out)["dataplane"], "stopped");
}

TEST_F(RegionVerbs, StatusIsLoudAboutTheJournal) {
  EXPECT_THAT(Run({"status"}).out, HasSubstr("journal    on the disk\n"));
  ControlSection& control = disk_.view().control();
  const std::int64_t since = (MonotonicNow() - Duration{7'000'000'000}).time_since_epoch().count();
  control.journal_fault.store(28);
  EXPECT_THAT(Run({"status"}).out,
              HasSubstr("journal    THE DISK REFUSES (No space left on device) the next file"));
  control.journal_sync_failing_since_ns.store(since);
  EXPECT_THAT(Run({"status"}).out,
              ContainsRegex("journal    NOT SAFE ON THE DISK since [7-9][.][0-9]+s"));
  control.journal_in_memory_since_ns.store(since);
  control.journal_records_in_memory.store(12'345);
  control.journal_records_given_up.store(67);
  control.journal_records_damaged.store(8);
  const Ran ran = Run({"status"});
  EXPECT_THAT(ran.out,
              ContainsRegex("journal    IN MEMORY since [7-9][.][0-9]+s: the disk refuses"));
  EXPECT_THAT(ran.out, HasSubstr("12345 records are not on it"));
  EXPECT_THAT(ran.out, HasSubstr("67 RECORDS GIVEN UP"));
  EXPECT_THAT(ran.out, HasSubstr("8 RECORDS FOUND DAMAGED"));
  EXPECT_THAT(Run({"top", "--once", "--interval", "1ms"}).out, HasSubstr("journal: IN MEMORY"));
  const json journal = json::parse(Run({"status", "--json"}).out)["journal"];
  EXPECT_GT(journal["in_memory_ns"], 7'000'000'000);
  EXPECT_EQ(journal["records_in_memory"], 12'345);
  EXPECT_EQ(journal["fault"], 28);
}

TEST_F(RegionVerbs, StatusJsonHasEveryCounterAndDrop) {
  const json status = json::parse(Run({"status", "--json", "--rate", "1ms"}).out);
  EXPECT_THAT(status["counters"], SizeIs(kCounters));
  EXPECT_THAT(status["drops"], SizeIs(kDropReasons));
  EXPECT_THAT(status["workers"], SizeIs(2));
  EXPECT_TRUE(status["per_second"].contains("heartbeats"));
  EXPECT_FALSE(status["per_second"].contains("endpoints_alive")) << "a gauge has no rate";
}

TEST_F(RegionVerbs, TopPrintsOneFrameThatFits) {
  const Ran ran = Run({"top", "--once", "--interval", "1ms"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 24);
  EXPECT_THAT(ran.out, HasSubstr("q quits"));
}

// Curses would take the end of such input for no key, for ever.
TEST_F(RegionVerbs, TopEndsWhereNoTerminalIsReadFrom) {
  ASSERT_NE(std::freopen("/dev/null", "r", stdin), nullptr);
  ::setenv("TERM", "xterm", 1);
  const Ran ran = Run({"top", "--interval", "1ms"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("needed a terminal for input"));
}

TEST_F(RegionVerbs, GetTellsOfOneEndpoint) {
  Put(42,
      {.liveness = Liveness::kSuspect, .health = Health::kReady, .profile = 2},
      7,
      MonotonicNow() - Duration{3'000'000'000});
  const Ran ran = Run({"get", "42"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("liveness     suspect"));
  EXPECT_THAT(ran.out, ContainsRegex("silence      [3-9][.][0-9]+s"));
  EXPECT_THAT(ran.out, HasSubstr("database (2)"));
  EXPECT_THAT(ran.out, HasSubstr("10.0.0.7:5000 by port 0"));
  const json row = json::parse(Run({"get", "0x2a", "--json"}).out);
  EXPECT_EQ(row["endpoint"], 42);
  EXPECT_EQ(row["group"], 7);
  EXPECT_EQ(row["source"], "10.0.0.7:5000");
  EXPECT_GT(row["suspicion"].get<double>(), 21) << "by what its profile promises";
  EXPECT_EQ(row["allowed_ns"], StampUnits(Milliseconds(3000)) * kStampUnit.count());
}

TEST_F(RegionVerbs, GetTellsHowSuspectAnEndpointIs) {
  Put(42,
      {.liveness = Liveness::kAlive, .health = Health::kReady, .profile = 2},
      7,
      MonotonicNow() - Milliseconds(1600));
  for (EndpointRecord& record : disk_.view().records()) {
    record.arrival = Arrival{.interval = 15'259, .variance = 0, .lead = 0, .count = 90}.Pack();
  }
  const double level = json::parse(Run({"get", "42", "--json"}).out)["suspicion"];
  EXPECT_GT(level, 10.7) << "1,600 ms of silence after gaps of 1,000, never steadier than 100";
  EXPECT_THAT(Run({"get", "42"}).out, HasSubstr("suspect after 3.00s"));
}

TEST_F(RegionVerbs, GetOfNobodyIsAbsent) {
  const Ran ran = Run({"get", "43"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.err, HasSubstr("endpoint 43 is not in the table"));
  EXPECT_EQ(Run({"get", "0"}).code, 2);
  EXPECT_EQ(Run({"get", "x"}).code, 2);
}

std::vector<std::uint64_t> IdsOf(const std::string& lines) {
  std::vector<std::uint64_t> out;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    out.push_back(json::parse(line)["endpoint"]);
  }
  std::ranges::sort(out);
  return out;
}

TEST_F(RegionVerbs, ListTellsNamesIfAsked) {
  const RosterOnDisk roster;
  ASSERT_TRUE(roster.Load("id,name\n1,web-1\n").is_written);
  std::ofstream(config_, std::ios::app) << "[control]\nroster = \"" << roster.path() << "\"\n";
  const Instant now = MonotonicNow();
  Put(1, {.liveness = Liveness::kAlive, .health = Health::kReady, .profile = 5}, 1, now);
  Put(2, {.liveness = Liveness::kAlive, .health = Health::kReady, .profile = 5}, 1, now);
  const Ran ran = Run({"list", "--json", "--names"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  std::istringstream lines(ran.out);
  std::map<std::uint64_t, std::string> names;
  for (std::string line; std::getline(lines, line);) {
    const json row = json::parse(line);
    names[row["endpoint"]] = row.value("name", "");
  }
  EXPECT_EQ(names, (std::map<std::uint64_t, std::string>{{1, "web-1"}, {2, ""}}));
  EXPECT_THAT(Run({"list", "--names"}).out, HasSubstr("  web-1\n"));
  EXPECT_THAT(Run({"list"}).out, Not(HasSubstr("web-1")));
  std::ofstream(roster.path()) << "damaged";
  EXPECT_EQ(Run({"list", "--names"}).code, 1);
}

TEST_F(RegionVerbs, ListFilters) {
  const Instant now = MonotonicNow();
  Put(1, {.liveness = Liveness::kAlive, .health = Health::kReady, .profile = 5}, 1, now);
  Put(2, {.liveness = Liveness::kDead, .health = Health::kReady, .profile = 5}, 2, now);
  Put(3, {.liveness = Liveness::kSuspect, .health = Health::kFailing, .profile = 2}, 2, now);
  using Ids = std::vector<std::uint64_t>;
  const auto list = [&](std::vector<std::string> filters) {
    filters.insert(filters.begin(), {"list", "--json"});
    const Ran ran = Run(filters);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return IdsOf(ran.out);
  };
  EXPECT_EQ(list({}), (Ids{1, 2, 3}));
  EXPECT_EQ(list({"--liveness", "dead,suspect"}), (Ids{2, 3}));
  EXPECT_EQ(list({"--health", "failing"}), (Ids{3}));
  EXPECT_EQ(list({"--group", "2"}), (Ids{2, 3}));
  EXPECT_EQ(list({"--profile", "node"}), (Ids{1, 2}));
  EXPECT_EQ(list({"--profile", "2"}), (Ids{3}));
  EXPECT_EQ(list({"--limit", "2"}).size(), 2U);
  EXPECT_EQ(list({"--liveness", "left"}), (Ids{}));
  EXPECT_EQ(Run({"list", "--liveness", "dying"}).code, 2);
  EXPECT_EQ(Run({"list", "--profile", "none"}).code, 2);
}

TEST_F(RegionVerbs, StatusTellsOfFlapping) {
  EXPECT_THAT(Run({"status"}).out, Not(HasSubstr("flapping   ")));
  disk_.view().control().flapping.store(3);
  disk_.view().control().changes_suppressed.store(77);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("flapping   3 endpoints; 77 changes suppressed\n"));
  disk_.view().control().flaps_unwatched.store(9);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("; 9 DEATHS AND RETURNS NOT WATCHED"));
  const json flapping = json::parse(Run({"status", "--json"}).out)["flapping"];
  EXPECT_EQ(flapping["endpoints"], 3);
  EXPECT_EQ(flapping["suppressed"], 77);
  EXPECT_EQ(flapping["unwatched"], 9);
}

TEST_F(RegionVerbs, StatusSaysHowTheGuardStands) {
  GuardState& guard = disk_.view().dataplane().guard;
  guard.silent.store(600);
  guard.watched.store(1000);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("guard      600 of 1000 silent, holds from "));
  guard.holds_since_ns.store((MonotonicNow() - Milliseconds(5'000)).time_since_epoch().count());
  guard.order.store(GuardOrder{GuardMode::kHold, 60}.Pack());
  guard.order_ns.store(guard.holds_since_ns.load());
  EXPECT_THAT(Run({"status"}).out, HasSubstr("guard      HOLDS since 5."));
  EXPECT_THAT(Run({"status"}).out, HasSubstr("; ordered to hold 5."));
  EXPECT_THAT(Run({"status", "--json"}).out, HasSubstr(R"("silent":600)"));
  GuardState& of_group = disk_.view().dataplane().group_guards[9];
  of_group.group.store(7);
  of_group.silent.store(12);
  of_group.watched.store(20);
  of_group.holds_since_ns.store(guard.holds_since_ns.load());
  EXPECT_THAT(Run({"status"}).out, HasSubstr("guard      group 7: HOLDS since 5."));
  EXPECT_THAT(Run({"status"}).out, HasSubstr("none of it is called dead; 12 of 20 silent\n"));
  EXPECT_EQ(json::parse(Run({"status", "--json"}).out)["guard"]["groups"][0]["group"], 7);
}

TEST_F(RegionVerbs, NoRegionIsAbsent) {
  ::unlink(disk_.path().c_str());
  for (const char* verb : {"status", "top", "list"}) {
    const Ran ran = Run({verb});
    EXPECT_EQ(ran.code, 3) << verb;
    EXPECT_THAT(ran.err, HasSubstr("needed a region, found none")) << verb;
  }
}

TEST(TopFrame, KeepsTheSizeOfTheTerminal) {
  Observation seen;
  seen.at = kNow;
  seen.workers.resize(kMaxWorkers);
  seen.drops.fill(1);
  Observation before = seen;
  before.at = kNow - Duration{1'000'000'000};
  for (const FrameSize size : {FrameSize{24, 80}, FrameSize{5, 20}, FrameSize{1, 1}}) {
    const std::vector<std::string> frame = TopFrame(seen, before, size);
    EXPECT_THAT(frame, SizeIs(static_cast<std::size_t>(size.rows)));
    for (const std::string& line : frame) {
      EXPECT_TRUE(line == "q quits" || line.size() <= static_cast<std::size_t>(size.columns));
    }
  }
}

TEST(TopFrame, RatesAreOfTheTimeBetween) {
  Observation before;
  before.at = kNow;
  Observation now = before;
  now.at = kNow + Duration{500'000'000};
  now.counters[static_cast<std::size_t>(Counter::kHeartbeats)] = 1'000;
  EXPECT_THAT(TopFrame(now, before, {})[8], HasSubstr(" 2000"));
}

TEST(ShortDuration, SaysWhatPeopleRead) {
  EXPECT_EQ(ShortDuration(Duration{999}), "999ns");
  EXPECT_EQ(ShortDuration(Duration{1'500}), "1.5us");
  EXPECT_EQ(ShortDuration(Duration{2'300'000}), "2.3ms");
  EXPECT_EQ(ShortDuration(Duration{1'250'000'000}), "1.25s");
  EXPECT_EQ(ShortDuration(Duration{61'000'000'000}), "1m01s");
  EXPECT_EQ(ShortDuration(Duration{7'500'000'000'000}), "2h05m");
  EXPECT_EQ(ShortDuration(Duration{90'000'000'000'000}), "1d01h");
}

}  // namespace
}  // namespace flatline::cli
