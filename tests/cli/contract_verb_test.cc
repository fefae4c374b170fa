// What is measured of the paths from a region made by hand, and what the verbs say of it.
#include "control/cli/contract_text.h"
#include "control/cli/contract_tracks.h"
#include "control/cli/measured_paths.h"
#include "control/contracts/track_file.h"
#include "tests/cli/in_process.h"
#include "tests/control/region/region_on_disk.h"

#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr ProfileId kPromised = 20;
constexpr Duration kInterval = Milliseconds(500);

class ContractVerb : public ::testing::Test {
 public:
  ContractVerb() : disk_({.workers = 2}), path_(disk_.directory() + "/config.toml") {
    std::ofstream(path_) << "region_directory = \"" << disk_.directory() << "\"\n"
                         << "[control]\njournal = \"" << disk_.directory() << "\"\n"
                         << "[[profile]]\nid = 20\nname = \"x\"\ndetect_within = \"3s\"\n"
                            "mistakes_at_most_every = \"24h\"\ninterval = \"500ms\"\n"
                            "loss = 0.001\n";
    config_ = LoadConfig(path_).value();
    disk_.view().header().profiles = config_.profiles;
  }

  ~ContractVerb() override {
    ::unlink(path_.c_str());
    ::unlink((disk_.directory() + "/contracts").c_str());
  }

 protected:
  void Put(Slot slot) const {
    EndpointRecord& record = disk_.view().records()[slot];
    record.incarnation.store(7);
    record.state.store(EndpointState{.liveness = Liveness::kAlive, .profile = kPromised}.Pack());
    record.id.store(100 + slot);
  }

  // All of so many beat, and of the last one every so many heartbeats one is lost.
  [[nodiscard]] MeasuredPath Measure(Slot endpoints, std::uint32_t lost_of, Duration during) const {
    for (Slot slot = 0; slot < endpoints; ++slot) {
      Put(slot);
    }
    Instant now{Duration{1'000'000'000'000}};
    const auto pause = [&](Duration wait) {
      now += wait;
      const std::int64_t beat = now.time_since_epoch() / kInterval;
      for (Slot slot = 0; slot < endpoints; ++slot) {
        const auto sequence = static_cast<std::uint32_t>(beat);
        if (slot + 1 != endpoints || sequence % lost_of != 0) {
          disk_.view().records()[slot].heard.store(
              Heard{.stamp = StampOf(HearingInstant{kInterval * beat}), .sequence = sequence}
                  .Pack());
        }
      }
      return now;
    };
    return MeasurePaths(disk_.view(), config_, during, pause).at(kPromised);
  }

  [[nodiscard]] ContractFinding Finding(const MeasuredPath& path) const {
    return {config_.profiles.at(kPromised), config_.contracts.at(kPromised), path};
  }

  [[nodiscard]] Ran Run(const std::string& verb, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{verb, "--config", path_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Flatline(arguments);
  }

  // As control leaves it.
  void KeepTrack(const std::function<void(ContractTrack&)>& change = [](ContractTrack&) {}) const {
    auto file = std::make_unique<TrackFile>();
    file->magic = kTrackMagic;
    const Promise& promise = config_.contracts.at(kPromised).promise;
    ContractTrack track{.since_ns = 1'790'000'000'000'000'000,
                        .detection_ns = promise.detection.count(),
                        .recurrence_ns = promise.recurrence.count(),
                        .mistake_ns = promise.mistake.count(),
                        .deaths = 12,
                        .silence_sum_ns = 12 * 2.4e9,
                        .silence_most_ns = 2'900'000'000,
                        .mistakes = 3,
                        .mistake_sum_ns = 12e9,
                        .mistake_most_ns = 9'000'000'000,
                        .watched_ns = 810 * 86'400e9};
    change(track);
    Keep(track, file->profiles.at(kPromised));
    std::ofstream(disk_.directory() + "/contracts", std::ios::binary)
        .write(reinterpret_cast<const char*>(file.get()), sizeof(*file));
  }

  RegionOnDisk disk_;
  std::string path_;
  Config config_;
};

TEST_F(ContractVerb, LossIsOfThisProfileHeartbeatByHeartbeat) {
  const MeasuredPath path = Measure(4, 10, Milliseconds(50'000));
  EXPECT_EQ(path.beats.endpoints, 4U);
  EXPECT_NEAR(path.losses.lost, 10, 1);
  EXPECT_NEAR(path.losses.sent, 400, 8);
  EXPECT_EQ(path.losses.lost_behind_a_lost_one, 0);
  EXPECT_LT(path.beats.jitter, Milliseconds(1));
  EXPECT_GT(path.Cautious().loss, path.Usual().loss);
}

TEST_F(ContractVerb, WhatIsTooShortMeasuresNothing) {
  const MeasuredPath path = Measure(4, 10, Milliseconds(3'000));
  EXPECT_EQ(path.beats.endpoints, 0U);
  EXPECT_THAT(TextOf(Finding(path)), HasSubstr("measured  nothing"));
}

TEST_F(ContractVerb, SaysWhatWouldDo) {
  MeasuredPath path{.losses = {.sent = 10'000, .lost = 1},
                    .beats = {.endpoints = 64,
                              .keep = 64,
                              .interval = kInterval,
                              .jitter = Milliseconds(2),
                              .worst_jitter = Milliseconds(9)}};
  const std::string kept = TextOf(Finding(path));
  EXPECT_THAT(kept, HasSubstr("x: dead is told within 3s, heartbeats every 500ms\n"));
  EXPECT_THAT(kept, HasSubstr("  promised  one mistake in 24h, lasting 3s\n"));
  EXPECT_THAT(kept, HasSubstr("1 of 10000 heartbeats lost\n"));
  EXPECT_THAT(kept, HasSubstr("kept      by all 64\n"));
  EXPECT_THAT(kept,
              HasSubstr("              loss = 0.0006\n              jitter = \"9ms\"\n"
                        "              interval = \""));
  EXPECT_THAT(kept, Not(HasSubstr("BURSTS")));
  path.losses = {
      .sent = 10'000, .lost = 500, .behind_a_lost_one = 500, .lost_behind_a_lost_one = 250};
  path.beats.keep = 1;
  path.beats.worst_jitter = Milliseconds(30'000);
  const std::string broken = TextOf(Finding(path));
  EXPECT_THAT(broken, HasSubstr("BROKEN    kept by 1 of 64\n"));
  EXPECT_THAT(broken, HasSubstr("of those behind a lost one 0.5: IN BURSTS"));
  EXPECT_THAT(broken, HasSubstr("all but detect_within, which no interval keeps"));
  EXPECT_THAT(broken, HasSubstr("              detect_within = \""));
  const json row = JsonOf(Finding(path));
  EXPECT_EQ(row["kept_by"], 1);
  EXPECT_EQ(row["lost"], 500);
  EXPECT_EQ(row["promised"]["detection_ns"], 3'000'000'000);
  EXPECT_GT(row["would_do"]["detect_within_ns"], 3'000'000'000);
  path.losses.lost = 9'000;
  path.beats.worst_jitter = Milliseconds(3'600'000);
  EXPECT_THAT(TextOf(Finding(path)), HasSubstr("would do  nothing: "));
  EXPECT_TRUE(json(JsonOf(Finding(path)))["would_do"].is_null());
}

TEST_F(ContractVerb, SaysWhatWasAchieved) {
  KeepTrack();
  Put(0);
  const Ran ran = Run("contract", {"--for", "1ms"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("measured  nothing"));
  EXPECT_THAT(ran.out,
              HasSubstr("12 deaths told after 2400ms, after 2900ms at most; 3 mistakes in 810 "
                        "endpoint-days, one in 270 days, lasting 4s, 9s at most\n"));
  const json row = json::parse(Run("contract", {"--for", "1ms", "--json"}).out);
  EXPECT_EQ(row["achieved"]["deaths"], 12);
  KeepTrack([](ContractTrack& track) { track.recurrence_ns *= 2; });
  EXPECT_THAT(Run("contract", {"--for", "1ms"}).out, Not(HasSubstr("achieved")))
      << "of another promise";
}

TEST_F(ContractVerb, StatusSaysItLoudly) {
  KeepTrack();
  EXPECT_THAT(Run("status").out,
              HasSubstr("contract   x: promised dead within 3s, one mistake in 24h, lasting 3s; 12 "
                        "deaths told"));
  EXPECT_THAT(Run("status").out, Not(HasSubstr("CANNOT BE KEPT")));
  KeepTrack([](ContractTrack& track) {
    track.broken_ns = 1'790'000'000'000'000'000;
    track.endpoints = 256;
    track.keep = 3;
    track.loss = 0.02;
    track.worst_jitter_ns = 9'000'000;
    track.late = 2;
  });
  EXPECT_THAT(Run("status").out, HasSubstr("contract   x: CANNOT BE KEPT since "));
  EXPECT_THAT(Run("status").out,
              HasSubstr("a loss of 0.02 and a jitter of 9ms for 99 of 100, 3 of 256"));
  EXPECT_THAT(Run("status").out, HasSubstr(", 2 LATE"));
  const json status = json::parse(Run("status", {"--json"}).out);
  EXPECT_EQ(status["contracts"][0]["profile"], "x");
  EXPECT_EQ(status["contracts"][0]["late"], 2);
}

TEST_F(ContractVerb, MetricsAreForPrometheus) {
  disk_.view().dataplane().counters[1].values[static_cast<std::size_t>(Counter::kHeartbeats)] = 77;
  const Ran none = Run("metrics");
  EXPECT_EQ(none.code, 0) << none.err;
  EXPECT_THAT(none.out,
              HasSubstr("# TYPE flatline_heartbeats_total counter\n"
                        "flatline_heartbeats_total 77\n"));
  EXPECT_THAT(none.out, HasSubstr("flatline_up 0\n"));
  EXPECT_THAT(none.out, Not(HasSubstr("flatline_contract")));
  KeepTrack([](ContractTrack& track) { track.broken_ns = 1; });
  const Ran some = Run("metrics");
  EXPECT_THAT(some.out,
              HasSubstr("# TYPE flatline_contract_mistakes_total counter\n"
                        "flatline_contract_mistakes_total{profile=\"x\"} 3\n"));
  EXPECT_THAT(some.out, HasSubstr("flatline_contract_can_be_kept{profile=\"x\"} 0\n"));
  EXPECT_THAT(some.out,
              HasSubstr("flatline_contract_promised_detection_seconds{profile=\"x\"} 3\n"));
  EXPECT_EQ(some.out.back(), '\n');
}

TEST_F(ContractVerb, SaysWhatIsMissing) {
  disk_.view().header().profiles[kPromised].interval = Milliseconds(400);
  const Ran other = Run("contract");
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("the dataplane was started with other times"));
  std::ofstream(path_) << "region_directory = \"" << disk_.directory() << "\"\n";
  const Ran none = Run("contract");
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("no profile has a contract"));
}

}  // namespace
}  // namespace flatline::cli
