// What is counted of promises: by hand, over kills at any record, with a full ring of the dead,
// with a damaged file, and against a count by brute force. The seed is printed.
#include "control/contracts/track_record.h"

#include "tests/temporary_directory.h"

#include <flatline/profile.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kBegin = 1'790'000'000 * kSecond;
constexpr ProfileId kPromised = 20;
constexpr ProfileId kOther = 5;

class TrackRecordTest : public testing::Test {
 protected:
  TrackRecordTest() {
    contracts_[kPromised].promise = {.detection = Milliseconds(3'000),
                                     .recurrence = Milliseconds(86'400'000),
                                     .mistake = Milliseconds(3'000)};
    Start();
  }

  // As after a kill: what is in the file is there, and the journal is read again.
  void Start() {
    record_.reset();
    record_ = std::move(
        TrackRecord::Open(path_, contracts_, journal_.size(), WallInstant{Duration{now_}}).value());
    for (const DeliveryRecord& record : journal_) {
      record_->Take(record);
    }
  }

  void Journal(DeliveryRecord record) {
    record.sequence = journal_.size() + 1;
    record.at_ns = now_;
    journal_.push_back(record);
    if (kill_before_taken_) {
      Start();
    }
    record_->Take(record);
  }

  void Change(EndpointId id, Liveness from, Liveness to, Reason reason, std::uint8_t marks = 0) {
    DeliveryRecord record;
    record.endpoint = id;
    record.profile = static_cast<std::uint8_t>(profile_);
    record.from = static_cast<std::uint8_t>(from);
    record.to = static_cast<std::uint8_t>(to);
    record.reason = static_cast<std::uint8_t>(reason);
    record.silence_ns = silence_ns_;
    record.marks = marks;
    Journal(record);
  }

  void Die(EndpointId id, std::uint8_t marks = 0) {
    Change(id, Liveness::kSuspect, Liveness::kDead, Reason::kNotConfirmed, marks);
  }

  void Return(EndpointId id, Reason reason = Reason::kHeartbeatResumed, std::uint8_t marks = 0) {
    Change(id, Liveness::kDead, Liveness::kAlive, reason, marks);
  }

  [[nodiscard]] const ContractTrack& track() const { return record_->of(kPromised); }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("contracts");
  Contracts contracts_{};
  std::int64_t now_ = kBegin;
  std::int64_t silence_ns_ = 2 * kSecond;
  ProfileId profile_ = kPromised;
  std::vector<DeliveryRecord> journal_;
  std::unique_ptr<TrackRecord> record_;
  bool kill_before_taken_ = false;
};

TEST_F(TrackRecordTest, CountsDeathsAndTheSilenceBeforeThem) {
  EXPECT_EQ(track().since_ns, kBegin);
  Die(1);
  silence_ns_ = 4 * kSecond;
  Die(2);
  EXPECT_EQ(track().deaths, 2U);
  EXPECT_EQ(track().late, 1U);
  EXPECT_EQ(track().silence_sum_ns, 6e9);
  EXPECT_EQ(track().silence_most_ns, 4 * kSecond);
  Change(3, Liveness::kUnknown, Liveness::kDead, Reason::kNeverHeard);
  Die(4, kMarkMaintenance);
  profile_ = kOther;
  Die(5);
  EXPECT_EQ(track().deaths, 2U) << "never heard, in maintenance, of no contract";
  EXPECT_EQ(record_->of(kOther).deaths, 0U);
}

TEST_F(TrackRecordTest, WhoComesBackInTheSameLifeWasNotDead) {
  Die(1);
  now_ += 5 * kSecond;
  Return(1);
  EXPECT_EQ(track().mistakes, 1U);
  EXPECT_EQ(track().mistake_sum_ns, 5e9);
  Die(2);
  now_ += 60 * kSecond;
  Return(2, Reason::kRestarted);
  EXPECT_EQ(track().mistakes, 1U) << "a new life: it had been dead";
  Die(3, kMarkMaintenance);
  Return(3);
  EXPECT_EQ(track().mistakes, 1U) << "expected";
  Die(4, kMarkMassFailure);
  now_ += 7 * kSecond;
  Return(4);
  EXPECT_EQ(track().mistakes, 2U);
  EXPECT_EQ(track().of_masses, 1U);
  EXPECT_EQ(track().mistake_most_ns, 7 * kSecond);
  EXPECT_EQ(track().unmeasured, 0U);
  Change(5, Liveness::kSuspect, Liveness::kAlive, Reason::kHeartbeatResumed);
  Change(5, Liveness::kSuspect, Liveness::kAlive, Reason::kRestarted);
  EXPECT_EQ(track().withdrawn, 1U);
}

TEST_F(TrackRecordTest, AResetForgetsWhoIsDeadAndNoMore) {
  Die(1);
  DeliveryRecord reset;
  reset.kind = RecordKind::kReset;
  record_->Take(reset);  // said before it is numbered
  Journal(reset);
  Return(1);
  EXPECT_EQ(track().deaths, 1U);
  EXPECT_EQ(track().mistakes, 1U);
  EXPECT_EQ(track().unmeasured, 1U);
}

TEST_F(TrackRecordTest, TheOldestDeathMakesRoomButNotForAFleet) {
  for (EndpointId id = 1; id <= kMostOpenDeaths; ++id) {
    Die(id);
  }
  Die(100'000);  // drives out 1
  Die(100'001, kMarkMassFailure);
  now_ += kSecond;
  Return(1);
  EXPECT_EQ(track().unmeasured, 1U);
  Return(2);
  Return(100'000);
  EXPECT_EQ(track().unmeasured, 1U);
  Return(100'001);
  EXPECT_EQ(track().unmeasured, 2U);
  EXPECT_EQ(track().mistake_sum_ns, 2e9);
}

TEST_F(TrackRecordTest, AnotherPromiseIsCountedAnew) {
  Die(1);
  Start();
  EXPECT_EQ(track().deaths, 1U);
  now_ += kSecond;
  contracts_[kPromised].promise.recurrence *= 2;
  Start();
  EXPECT_EQ(track().deaths, 0U);
  EXPECT_EQ(track().since_ns, now_);
  Return(1);
  EXPECT_EQ(track().mistakes, 1U) << "who is dead is known over that";
  EXPECT_EQ(track().unmeasured, 0U);
  contracts_[kPromised] = {};
  Start();
  EXPECT_EQ(track().since_ns, 0);
  const auto read = ReadTracks(path_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at(kPromised).since_ns, 0);
}

TEST_F(TrackRecordTest, WatchedAndMeasuredAreInTheFile) {
  record_->Watched(kPromised, 1'000, Milliseconds(2'000));
  record_->Watched(kOther, 1'000, Milliseconds(2'000));
  LossCounts losses{.sent = 1'000, .lost = 10};
  const BeatFindings beats{.endpoints = 100, .keep = 3, .worst_jitter = Milliseconds(9)};
  EXPECT_FALSE(record_->Measured(kPromised, losses, beats, true, WallInstant{Duration{now_}}));
  now_ += kSecond;
  EXPECT_TRUE(record_->Measured(kPromised, losses, beats, false, WallInstant{Duration{now_}}));
  const std::int64_t broken = now_;
  now_ += kSecond;
  EXPECT_FALSE(record_->Measured(kPromised, losses, beats, false, WallInstant{Duration{now_}}));
  const auto read = ReadTracks(path_);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->at(kPromised).watched_ns, 2e12);
  EXPECT_EQ(read->at(kPromised).broken_ns, broken) << "since it broke";
  EXPECT_EQ(read->at(kPromised).loss, 0.01);
  EXPECT_EQ(read->at(kPromised).keep, 3U);
  EXPECT_EQ(read->at(kOther).since_ns, 0);
  EXPECT_TRUE(record_->Measured(kPromised, losses, beats, true, WallInstant{Duration{now_}}));
  EXPECT_EQ(track().broken_ns, 0);
}

TEST_F(TrackRecordTest, AFileThatIsNoneIsSaidToBe) {
  EXPECT_FALSE(ReadTracks(directory_.Path("none")));
  std::ofstream(directory_.Path("garbage")) << "garbage, and more of it than a magic number";
  EXPECT_FALSE(ReadTracks(directory_.Path("garbage")));
}

TEST_F(TrackRecordTest, DamageCostsWhatIsDamagedOnly) {
  Die(1);
  Die(2);
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offsetof(TrackFile, deaths)) + 3);
  file << "x";
  file.close();
  Start();
  EXPECT_EQ(track().deaths, 2U);
  Return(1);
  EXPECT_EQ(track().unmeasured, 1U);
  Return(2);
  EXPECT_EQ(track().unmeasured, 1U);
}

// Some tens of endpoints die, come back, restart and are retired by chance, and control is killed
// before one record in three is taken, and behind others.
TEST_F(TrackRecordTest, KilledAnywhereEachCountsOnce) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::map<EndpointId, std::int64_t> dead;
  std::uint64_t deaths = 0;
  std::uint64_t mistakes = 0;
  double stood = 0;
  for (int step = 0; step < 2'000; ++step) {
    now_ += static_cast<std::int64_t>(random() % kSecond);
    kill_before_taken_ = random() % 16 == 0;
    const EndpointId id = 1 + random() % 50;
    const auto at = dead.find(id);
    if (at == dead.end()) {
      Die(id);
      ++deaths;
      dead[id] = now_;
    } else if (random() % 4 == 0) {
      Change(id, Liveness::kDead, Liveness::kUnknown, Reason::kRetired);
      dead.erase(at);
    } else if (random() % 2 == 0) {
      Return(id, Reason::kRestarted);
      dead.erase(at);
    } else {
      Return(id);
      ++mistakes;
      stood += static_cast<double>(now_ - at->second);
      dead.erase(at);
    }
    if (random() % 64 == 0) {
      Start();
    }
  }
  EXPECT_EQ(track().deaths, deaths);
  EXPECT_EQ(track().mistakes, mistakes);
  EXPECT_EQ(track().unmeasured, 0U);
  EXPECT_DOUBLE_EQ(track().mistake_sum_ns, stood);
}

}  // namespace
}  // namespace flatline
