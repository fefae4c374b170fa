// Who is suppressed from which record to which: by the arithmetic of the sample, against a model by
// brute force, over restarts at any point, where there is no room, and with a damaged file.
#include "control/commentary/damping.h"

#include "tests/temporary_directory.h"

#include <flatline/profile.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kBegin = 1'790'000'000 * kSecond;

constexpr FlapSettings kSettings{.death_penalty = 1'000,
                                 .revival_penalty = 500,
                                 .suppress = 2'500,
                                 .reuse = 1'000,
                                 .half_life = Milliseconds(60'000),
                                 .longest = Milliseconds(600'000)};

class DampingTest : public testing::Test {
 protected:
  DampingTest() { Start(); }

  // As after a kill: what is in the file is there, and the journal is read again.
  void Start(const FlapSettings& settings = kSettings) {
    damping_.reset();
    damping_ = std::move(Damping::Open(path_, settings, journal_.size()).value());
    for (const DeliveryRecord& record : journal_) {
      damping_->Take(record);
    }
  }

  [[nodiscard]] WallInstant Wall() const { return WallInstant{Duration{now_}}; }

  // As the scribe does.
  void Journal(DeliveryRecord record) {
    record.sequence = journal_.size() + 1;
    if (damping_->Suppresses(record)) {
      record.marks |= kMarkFlapping;
    }
    journal_.push_back(record);
    if (kill_before_taken_) {
      Start();
    } else {
      damping_->Take(record);
    }
  }

  void TellNews() {
    damping_->Turn(Wall());
    for (const DeliveryRecord& told : damping_->TakeNews()) {
      Journal(told);
    }
  }

  void Change(EndpointId id, Liveness from, Liveness to, Reason reason = Reason::kNone) {
    DeliveryRecord record;
    record.at_ns = now_;
    record.endpoint = id;
    record.group = 7;
    record.from = static_cast<std::uint8_t>(from);
    record.to = static_cast<std::uint8_t>(to);
    record.reason = static_cast<std::uint8_t>(reason);
    record.marks = marks_;
    Journal(record);
    if (!is_amid_a_part_) {
      TellNews();
    }
  }

  void Die(EndpointId id) { Change(id, Liveness::kSuspect, Liveness::kDead); }

  void Return(EndpointId id) { Change(id, Liveness::kDead, Liveness::kAlive); }

  void Wait(std::int64_t seconds) {
    now_ += seconds * kSecond;
    TellNews();
  }

  // The records of our own, as "flapping" and "quiet-again 3".
  [[nodiscard]] std::vector<std::string> Told() const {
    std::vector<std::string> out;
    for (const DeliveryRecord& record : journal_) {
      if (record.kind == RecordKind::kFlapping) {
        const bool begins = record.reason == static_cast<std::uint8_t>(Reason::kFlapping);
        out.push_back(begins ? "flapping" : "quiet-again " + std::to_string(record.incarnation));
      }
    }
    return out;
  }

  using DampingSlot = TwoCopies<DampingEntry>;

  static std::streamoff PlaceOf(std::size_t slot) {
    return static_cast<std::streamoff>(offsetof(DampingFile, slots) + slot * sizeof(DampingSlot));
  }

  [[nodiscard]] DampingSlot InFile(std::size_t slot) const {
    DampingSlot out;
    std::ifstream file(path_, std::ios::binary);
    file.seekg(PlaceOf(slot));
    file.read(reinterpret_cast<char*>(&out), sizeof(out));
    return out;
  }

  void PutInFile(std::size_t slot, const DampingSlot& copies) const {
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(PlaceOf(slot));
    file.write(reinterpret_cast<const char*>(&copies), sizeof(copies));
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("flapping");
  std::int64_t now_ = kBegin;
  std::vector<DeliveryRecord> journal_;
  std::unique_ptr<Damping> damping_;
  std::uint8_t marks_ = 0;
  bool kill_before_taken_ = false;
  bool is_amid_a_part_ = false;  // more is journaled before anything is told
};

// Found by simulated worlds: the one who was retired left his word behind to the next in his place.
TEST_F(DampingTest, WhoTakesARetiredOnesPlaceIsToldOfOnce) {
  is_amid_a_part_ = true;
  for (const EndpointId id : {EndpointId{1}, EndpointId{2}}) {
    for (int i = 0; i < 2; ++i) {
      Die(id);
      Return(id);
    }
    if (id == 1) {
      Change(id, Liveness::kAlive, Liveness::kUnknown, Reason::kRetired);
    }
  }
  TellNews();
  ASSERT_EQ(Told(), std::vector<std::string>{"flapping"});
  EXPECT_EQ(journal_.back().endpoint, 2U);
}

TEST_F(DampingTest, BeginsAboveTheOneThresholdAndEndsAtTheOther) {
  Die(1);
  Return(1);
  EXPECT_TRUE(Told().empty()) << "1,500";
  Die(1);
  EXPECT_TRUE(Told().empty()) << "2,500 is not above";
  Return(1);
  ASSERT_EQ(Told(), std::vector<std::string>{"flapping"});
  const DeliveryRecord& begin = journal_.back();
  EXPECT_EQ(begin.endpoint, 1U);
  EXPECT_EQ(begin.group, 7U);
  EXPECT_EQ(begin.from, static_cast<std::uint8_t>(Liveness::kAlive));
  EXPECT_EQ(begin.to, static_cast<std::uint8_t>(Liveness::kAlive));
  EXPECT_EQ(begin.heartbeat_sequence, 3'000U) << "the penalty";
  EXPECT_NEAR(static_cast<double>(begin.silence_ns), std::log2(3.0) * 60 * kSecond, 10.0);
  EXPECT_EQ(journal_[3].marks, 0) << "that which reached it is told";
  Die(1);
  EXPECT_EQ(journal_.back().marks, kMarkFlapping);
  EXPECT_EQ(damping_->flapping_count(), 1U);
  EXPECT_TRUE(damping_->flapping()->contains(1));
  Wait(119);
  EXPECT_EQ(Told().size(), 1U) << "4,000 is quartered in 120 s";
  Wait(1);
  ASSERT_EQ(Told(), (std::vector<std::string>{"flapping", "quiet-again 1"}));
  const DeliveryRecord& end = journal_.back();
  EXPECT_EQ(end.from, static_cast<std::uint8_t>(Liveness::kAlive)) << "as was told";
  EXPECT_EQ(end.to, static_cast<std::uint8_t>(Liveness::kDead)) << "as it is";
  EXPECT_EQ(end.silence_ns, 120 * kSecond);
  EXPECT_EQ(damping_->flapping_count(), 0U);
  EXPECT_TRUE(damping_->flapping()->empty());
  Return(1);
  EXPECT_EQ(journal_.back().marks, 0) << "told again";
  EXPECT_EQ(damping_->suppressed(), 1U);
}

TEST_F(DampingTest, SuspicionsAndHealthAreSuppressedButCostNothing) {
  for (int i = 0; i < 3; ++i) {
    Die(1);
    Return(1);
  }
  const std::size_t before = journal_.size();
  Change(1, Liveness::kAlive, Liveness::kSuspect);
  Change(1, Liveness::kSuspect, Liveness::kAlive);
  DeliveryRecord health;
  health.kind = RecordKind::kHealth;
  health.endpoint = 1;
  health.at_ns = now_;
  Journal(health);
  for (std::size_t i = before; i < journal_.size(); ++i) {
    EXPECT_EQ(journal_[i].marks, kMarkFlapping);
  }
  Wait(10'000);
  EXPECT_EQ(Told().back(), "quiet-again 5") << "a death, a return, and these three";
}

TEST_F(DampingTest, MaintenanceAndWhoWasNeverHeardCostNothing) {
  marks_ = kMarkMaintenance;
  for (int i = 0; i < 10; ++i) {
    Die(1);
    Return(1);
  }
  marks_ = 0;
  for (int i = 0; i < 10; ++i) {
    Change(2, Liveness::kUnknown, Liveness::kDead);
  }
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(damping_->size(), 0U);
}

TEST_F(DampingTest, ARetirementIsToldAndEndsIt) {
  for (int i = 0; i < 3; ++i) {
    Die(1);
    Return(1);
  }
  Change(1, Liveness::kAlive, Liveness::kUnknown, Reason::kRetired);
  EXPECT_EQ(journal_[journal_.size() - 2].marks, 0);
  EXPECT_EQ(Told(), (std::vector<std::string>{"flapping", "quiet-again 2"}));
  EXPECT_EQ(damping_->size(), 0U);
}

TEST_F(DampingTest, AResetForgetsEverybody) {
  for (EndpointId id : {1U, 2U}) {
    for (int i = 0; i < 3; ++i) {
      Die(id);
      Return(id);
    }
  }
  DeliveryRecord reset;
  reset.kind = RecordKind::kReset;
  damping_->Take(reset);  // as the scribe says it, without its number
  reset.sequence = journal_.size() + 1;
  journal_.push_back(reset);
  EXPECT_EQ(damping_->size(), 0U);
  Start();
  EXPECT_EQ(damping_->size(), 0U);
  Die(1);
  EXPECT_EQ(journal_.back().marks, 0);
  EXPECT_EQ(damping_->size(), 1U);
}

// Killed after every record has been journaled and before it was taken, at each of them.
TEST_F(DampingTest, CountsEachOnceWhereverControlIsKilled) {
  kill_before_taken_ = true;
  Die(1);
  Return(1);
  Die(1);
  Return(1);
  Die(1);
  Return(1);
  Start();
  Start();
  Die(1);
  Wait(10'000);
  EXPECT_EQ(Told(), (std::vector<std::string>{"flapping", "quiet-again 3"}));
}

TEST_F(DampingTest, WhatWasTakenAndNotToldIsToldByTheSuccessor) {
  for (int i = 0; i < 3; ++i) {
    DeliveryRecord record;
    record.at_ns = now_;
    record.endpoint = 1;
    record.from = static_cast<std::uint8_t>(i % 2 == 0 ? Liveness::kSuspect : Liveness::kDead);
    record.to = static_cast<std::uint8_t>(i % 2 == 0 ? Liveness::kDead : Liveness::kAlive);
    Journal(record);
  }
  Die(1);
  EXPECT_EQ(Told().size(), 1U);
  Start();
  EXPECT_TRUE(damping_->TakeNews().empty()) << "it is in the journal";
  journal_.pop_back();  // and now it is not, though the change that led to it was taken
  std::filesystem::remove(path_);
  damping_.reset();
  const auto all = journal_;
  journal_.clear();
  Start();
  for (const DeliveryRecord& record : all) {
    journal_.push_back(record);
    damping_->Take(record);
  }
  Start();  // killed before anybody asked for news
  TellNews();
  EXPECT_EQ(Told().size(), 1U);
}

TEST_F(DampingTest, SwitchedOffEverybodyIsToldOfAgain) {
  for (int i = 0; i < 3; ++i) {
    Die(1);
    Return(1);
  }
  Start(FlapSettings{});
  TellNews();
  EXPECT_EQ(Told(), (std::vector<std::string>{"flapping", "quiet-again 2"}));
  EXPECT_EQ(damping_->size(), 0U);
  for (int i = 0; i < 9; ++i) {
    Die(1);
    Return(1);
  }
  EXPECT_EQ(Told().size(), 2U);
}

TEST_F(DampingTest, ANewFileKnowsNothingOfOldRecords) {
  for (int i = 0; i < 3; ++i) {
    Die(1);
  }
  damping_.reset();
  std::filesystem::remove(path_);
  Start();
  EXPECT_EQ(damping_->size(), 0U);
}

TEST_F(DampingTest, ADamagedEntryIsNobodys) {
  Die(1);
  Die(2);
  damping_.reset();
  {
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4'096 + 64 + 20);  // the later copy of the first slot
    file.put('\x55');
  }
  Start();
  EXPECT_EQ(damping_->size(), 1U);
}

// A loss of power kept the page of the slot that it has now, and not that of the one it left.
TEST_F(DampingTest, WhoStandsInTwoSlotsHasTheLaterOne) {
  Die(1);
  const DampingSlot early = InFile(0);
  Die(1);
  const DampingSlot late = InFile(0);
  for (const auto& [lower, upper, is_lost] : {std::tuple(early, late, false),
                                              std::tuple(late, early, false),
                                              std::tuple(early, late, true),
                                              std::tuple(late, early, true)}) {
    if (is_lost) {
      journal_.clear();  // what both had counted was lost with the power
    }
    damping_.reset();
    PutInFile(0, lower);
    PutInFile(5, upper);
    Start();
    EXPECT_EQ(damping_->size(), 1U);
    EXPECT_EQ(Latest(InFile(0)).endpoint + Latest(InFile(5)).endpoint, 1U) << "not in both";
    Die(1);
    EXPECT_EQ(journal_.back().kind, RecordKind::kFlapping) << "its third death: both others count";
  }
}

TEST_F(DampingTest, WithoutRoomTheNearlyForgottenGoFirst) {
  for (EndpointId id = 1; id <= kMostDamped; ++id) {
    Die(id);
  }
  EXPECT_EQ(damping_->size(), kMostDamped);
  EXPECT_EQ(damping_->unwatched(), 0U);
  Die(kMostDamped + 1);
  EXPECT_EQ(damping_->unwatched(), 1U) << "all others flapped just now";
  now_ += 61 * kSecond;
  Die(kMostDamped + 2);
  EXPECT_EQ(damping_->unwatched(), 1U);
  EXPECT_EQ(damping_->size(), kMostDamped) << "one with less than half of its penalty went";
}

// Penalties by brute force: the sum of every flap ever, each decayed by itself. The ceiling is out
// of reach here.
TEST_F(DampingTest, SuppressesWhomTheModelWould) {
  constexpr std::uint32_t kSeed = 2439;
  std::mt19937 chance(kSeed);

  struct Model {
    std::vector<std::pair<std::int64_t, double>> flaps;
    Liveness liveness = Liveness::kAlive;
    bool flaps_now = false;
    std::uint32_t suppressed = 0;
  };

  std::map<EndpointId, Model> models;
  const auto penalty = [&](const Model& model) {
    double out = 0;
    for (const auto& [at_ns, by] : model.flaps) {
      out += by * std::exp2(static_cast<double>(at_ns - now_) / (60.0 * kSecond));
    }
    return out;
  };
  std::size_t ends = 0;
  for (int step = 0; step < 4'000; ++step) {
    now_ += static_cast<std::int64_t>(chance() % 8'000) * 1'000'000;
    if (chance() % 50 == 0) {
      Start();
    }
    TellNews();
    for (auto& [id, model] : models) {
      const bool is_over = model.flaps_now && penalty(model) <= 1'000;
      EXPECT_EQ(damping_->flapping()->contains(id), model.flaps_now && !is_over)
          << "endpoint " << id << ", step " << step << ", seed " << kSeed;
      if (is_over) {
        model.flaps_now = false;
        ++ends;
        const auto end = std::find_if(journal_.rbegin(), journal_.rend(), [id](const auto& record) {
          return record.kind == RecordKind::kFlapping && record.endpoint == id;
        });
        EXPECT_EQ(end->incarnation, std::exchange(model.suppressed, 0));
      }
    }
    const EndpointId id = 1 + chance() % 12;
    Model& model = models[id];
    const bool dies = model.liveness == Liveness::kAlive;
    model.suppressed += model.flaps_now ? 1 : 0;
    model.flaps.emplace_back(now_, dies ? 1'000 : 500);
    model.liveness = dies ? Liveness::kDead : Liveness::kAlive;
    dies ? Die(id) : Return(id);
    model.flaps_now = model.flaps_now || penalty(model) > 2'500;
  }
  EXPECT_GT(ends, 20U);
}

}  // namespace
}  // namespace flatline
