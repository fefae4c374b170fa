// The table of leases against a map of tenures, with random requests that are late, lost, doubled
// and out of order, holders whose clocks drift, blindness, full rings, kills between telling and
// making, and starts from nothing. What must hold in all of it: at no instant may two act under one
// name, each by its own clock and by agent_lease.h, and no token is ever lower than one before it.
#include "dataplane/lease_table.h"

#include "tests/dataplane/plain_region.h"

#include <flatline/agent_lease.h>
#include <flatline/lease_message.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::size_t kNames = 3;
constexpr std::size_t kHolders = 5;
constexpr Duration kLongest = Milliseconds(400);

Config ModelConfig() {
  Config out = SmallConfig(100);
  out.dataplane.leases = 2;  // fewer than names: some are told that it is full
  out.dataplane.transition_ring = 64;
  return out;
}

// Who has a name, as the simplest table has it.
struct Tenure {
  EndpointId holder = 0;
  std::uint32_t incarnation = 0;
  FencingToken token = 0;
  std::int64_t expires = 0;
};

// One endpoint with a clock of its own, which begins anywhere and runs up to 0.7 % fast or slow.
struct Holder {
  FlatlineAgent agent{};
  std::array<FlatlineLease, kNames> leases{};
  double rate = 1;
  std::uint64_t began = 0;

  [[nodiscard]] std::uint64_t Clock(std::int64_t real_ns) const {
    return began + static_cast<std::uint64_t>(static_cast<double>(real_ns) * rate);
  }
};

// On its way, one way or the other.
struct Datagram {
  std::size_t holder = 0;
  std::size_t name = 0;
  bool to_flatline = true;
  std::vector<std::uint8_t> bytes;
};

class LeasesAndModel {
 public:
  explicit LeasesAndModel(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < kHolders; ++i) {
      Holder& holder = holders_[i];
      holder.agent.id = i + 1;
      holder.agent.incarnation = 1;
      holder.rate = 1 + (static_cast<double>(random_() % 1401) - 700) / 100'000;
      holder.began = 1 + random_() % 1'000'000'000;
      BeginLeases(holder);
    }
    Begin({.epoch = 1, .longest = kLongest});
  }

  void Step() {
    real_ += static_cast<std::int64_t>(random_() % 3'000'000);
    Hear();
    const std::uint64_t what = random_() % 1000;
    if (what < 250) {
      Send(random_() % kHolders, random_() % kNames, random_() % 8 == 0);
    } else if (what < 850) {
      Deliver();
    } else if (what < 960) {
      Expire();
    } else if (what < 965) {
      StartAgain(holders_[random_() % kHolders]);
    } else if (what < 975) {
      ring_has_room_ = !ring_has_room_;
    } else if (what < 980) {
      real_ += static_cast<std::int64_t>(random_() % 500'000'000);  // deaf
    } else if (what < 982) {
      Kill();
    } else if (what < 983) {
      LosePower();
    }
    CheckHolders();
  }

  void Compare() {
    std::map<std::uint64_t, Lease> there;
    for (const LeaseEntry& entry : region_->view().leases(0)) {
      const Lease lease = entry.Read().value();
      if (lease.holder != kNoEndpoint) {
        EXPECT_TRUE(there.emplace(lease.number, lease).second);
      }
    }
    ASSERT_EQ(there.size(), tenures_.size());
    for (const auto& [number, tenure] : tenures_) {
      const Lease& lease = there.at(number);
      EXPECT_EQ(lease.holder, tenure.holder);
      EXPECT_EQ(lease.incarnation, tenure.incarnation);
      EXPECT_EQ(lease.token, tenure.token);
      EXPECT_EQ(lease.expires_ns, tenure.expires);
    }
    EXPECT_EQ(table_->held(), tenures_.size());
  }

  [[nodiscard]] std::uint64_t acted() const { return acted_; }

  [[nodiscard]] std::uint64_t tenures() const { return begun_; }

 private:
  static constexpr std::uint8_t kRelease = 1;

  static void BeginLeases(Holder& holder) {
    for (std::size_t name = 0; name < kNames; ++name) {
      holder.leases[name] = {};
      holder.leases[name].number = name + 1;
      holder.leases[name].answer = kFlatlineLeaseNothing;
    }
  }

  [[nodiscard]] Moment Now() const {
    return {.now = Instant{Duration{real_}},
            .hearing = HearingInstant{Duration{hearing_}},
            .horizon = HearingInstant{Duration{horizon_}}};
  }

  void Begin(const LeaseTerms& terms) {
    table_ = std::make_unique<LeaseTable>(region_->view(), 0, terms, Now().hearing);
    const RegionView& view = region_->view();
    ring_ = std::make_unique<TransitionProducer>(view.dataplane().transition_heads[0],
                                                 view.control().transition_tails[0],
                                                 view.transitions(0));
  }

  // Hearing time goes at most as fast as time, and the horizon is behind it.
  void Hear() {
    const std::int64_t passed = real_ - heard_;
    hearing_ += std::min<std::int64_t>(passed, 10'000'000);
    heard_ = real_;
    horizon_ = std::max(horizon_, hearing_ - static_cast<std::int64_t>(random_() % 4'000'000));
    if (ring_has_room_) {
      region_->view().control().transition_tails[0].value.store(
          region_->view().dataplane().transition_heads[0].value.load());
    }
  }

  void Send(std::size_t which, std::size_t name, bool release) {
    Holder& holder = holders_[which];
    FlatlineLease& lease = holder.leases[name];
    lease.term_ms = 1 + static_cast<std::uint32_t>(random_() % 500);
    Datagram out{.holder = which, .name = name, .to_flatline = true, .bytes = {}};
    out.bytes.resize(kFlatlineLargestLeaseRequest);
    const auto encode = release ? &FlatlineEncodeLeaseRelease : &FlatlineEncodeLeaseRequest;
    out.bytes.resize(encode(&holder.agent, &lease, holder.Clock(real_), out.bytes.data()));
    Post(out);
  }

  void Post(const Datagram& datagram) {
    for (std::uint64_t copies = random_() % 8; copies != 0; copies = copies > 6 ? 1 : 0) {
      network_.push_back(datagram);
    }
  }

  // Any of those on their way: some come at once, some after terms.
  void Deliver() {
    if (network_.empty()) {
      return;
    }
    const std::size_t which = random_() % 3 == 0 ? random_() % network_.size() : 0;
    const Datagram datagram = network_[which];
    network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(which));
    if (datagram.to_flatline) {
      Ask(datagram);
    } else {
      Holder& holder = holders_[datagram.holder];
      FlatlineAcceptLease(&holder.agent,
                          &holder.leases[datagram.name],
                          datagram.bytes.data(),
                          datagram.bytes.size(),
                          holder.Clock(real_));
    }
  }

  void Ask(Datagram datagram) {
    const auto bytes = std::as_bytes(std::span(datagram.bytes));
    Heartbeat heartbeat = DecodeHeartbeat(bytes).value();
    const auto message = DecodeLease(bytes.subspan(kHeartbeatSize), kElementLeaseRequest);
    const LeaseRequest request{.message = message.value(),
                               .id = heartbeat.id,
                               .incarnation = heartbeat.incarnation,
                               .group = kNoGroup,
                               .sent_ns = heartbeat.sent_ns};
    const std::uint64_t told = ring_->pushed();
    const auto answer = table_->Ask(request, Now(), *ring_, tally_);
    Follow(request, answer, ring_->pushed() != told);
    if (!answer) {
      return;
    }
    heartbeat.kind = HeartbeatKind::kLeaseGrant;
    EncodeHeartbeat(heartbeat,
                    std::as_writable_bytes(std::span(datagram.bytes)).first<kHeartbeatSize>());
    EncodeLease(
        *answer,
        kElementLeaseGrant,
        std::as_writable_bytes(std::span(datagram.bytes)).subspan<kHeartbeatSize, kLeasePayload>());
    datagram.to_flatline = false;
    Post(datagram);
  }

  // What the model makes of it, and whether it is what was answered.
  void Follow(const LeaseRequest& request, const std::optional<LeaseMessage>& answer, bool told) {
    const std::uint64_t number = request.message.name.number;
    const auto what = answer ? static_cast<LeaseAnswer>(answer->what) : LeaseAnswer::kNotAlive;
    const auto held = tenures_.find(number);
    const bool is_release = request.message.what == kRelease;
    if (held == tenures_.end()) {
      if (told) {
        ASSERT_EQ(what, LeaseAnswer::kGranted);
        ASSERT_FALSE(is_release);
        ASSERT_LT(tenures_.size(), 2U);
        ASSERT_GE(horizon_, waits_until_);
        ASSERT_GT(answer->token, highest_[number]) << "a token went back";
        highest_[number] = answer->token;
        tenures_[number] = {.holder = request.id,
                            .incarnation = request.incarnation,
                            .token = answer->token,
                            .expires = hearing_ + TermOf(request)};
        ++begun_;
      } else {
        ASSERT_NE(what, LeaseAnswer::kGranted);
      }
      return;
    }
    Tenure& tenure = held->second;
    const bool is_holder = tenure.holder == request.id && tenure.incarnation == request.incarnation;
    if (what == LeaseAnswer::kGranted) {
      ASSERT_TRUE(is_holder) << "two at once";
      ASSERT_EQ(answer->token, tenure.token);
      tenure.expires = std::max(tenure.expires, hearing_ + TermOf(request));
    } else if (what == LeaseAnswer::kReleased) {
      ASSERT_TRUE(is_holder && is_release && request.message.token == tenure.token && told);
      tenures_.erase(held);
    } else if (answer) {
      ASSERT_TRUE(!is_holder || is_release);
    }
  }

  static std::int64_t TermOf(const LeaseRequest& request) {
    return std::min(Milliseconds(request.message.term_ms), kLongest).count();
  }

  void Expire() {
    const bool left = table_->Expire(Now(), random_() % 4, *ring_, tally_);
    std::map<std::uint64_t, Tenure> kept;
    for (const LeaseEntry& entry : region_->view().leases(0)) {
      if (const Lease lease = entry.Read().value(); lease.holder != kNoEndpoint) {
        kept[lease.number] = tenures_.at(lease.number);
      }
    }
    for (const auto& [number, tenure] : tenures_) {
      const bool is_over = tenure.expires <= horizon_;
      ASSERT_TRUE(kept.contains(number) || is_over) << "ended before its term";
      ASSERT_TRUE(!kept.contains(number) || !is_over || left) << "not ended in time";
    }
    tenures_ = kept;
  }

  // Another life of it, which remembers nothing. The former one hears nothing more, and goes on.
  void StartAgain(Holder& holder) {
    ghosts_.push_back(holder);
    if (ghosts_.size() > 2 * kHolders) {
      ghosts_.pop_front();
    }
    ++holder.agent.incarnation;
    BeginLeases(holder);
  }

  // Half of the time what was told last had not been made.
  void Kill() {
    const RegionView& view = region_->view();
    const auto head = view.dataplane().transition_heads[0].value.load();
    const Transition last = view.transitions(0)[(head - 1) & (view.transitions(0).size() - 1)];
    if (head != 0 && last.kind == TransitionKind::kLease && random_() % 2 == 0) {
      Unmake(last);
    }
    real_ += static_cast<std::int64_t>(random_() % 300'000'000);
    heard_ = real_;       // deaf meanwhile, and
    hearing_ = horizon_;  // what was heard after the horizon is not vouched for
    Begin({.epoch = epoch_, .longest = kLongest});
    if (head != 0) {
      table_->Reapply(last, Now().hearing);
    }
    for (const LeaseEntry& entry : view.leases(0)) {
      const Lease lease = entry.Read().value();
      if (lease.holder != kNoEndpoint) {
        Tenure& tenure = tenures_.at(lease.number);
        ASSERT_GE(lease.expires_ns,
                  std::min(tenure.expires, (Now().hearing + kLongest).time_since_epoch().count()));
        tenure.expires = lease.expires_ns;
      }
    }
  }

  // A grant that was not made was not answered either.
  void Unmake(const Transition& last) {
    const auto number = static_cast<std::uint64_t>(last.silence.count());
    if (last.to == 0) {
      return;  // the entry is gone, and with it what it was
    }
    for (LeaseEntry& entry : region_->view().leases(0)) {
      if (const Lease lease = entry.Read().value();
          lease.number == number && lease.asked_ns != 0 && IsFresh(lease)) {
        entry.Write({});
        std::erase_if(network_, [&](const Datagram& one) {
          return !one.to_flatline && one.name + 1 == number && one.holder + 1 == lease.holder;
        });
      }
    }
  }

  // Its holder has heard nothing of it yet.
  [[nodiscard]] bool IsFresh(const Lease& lease) const {
    const Holder& holder = holders_[lease.holder - 1];
    return holder.leases[lease.number - 1].token != lease.token;
  }

  void LosePower() {
    real_ += static_cast<std::int64_t>(random_() % 300'000'000);
    heard_ = real_;
    hearing_ = horizon_ = static_cast<std::int64_t>(random_() % 1'000'000'000);
    region_ = std::make_unique<PlainRegion>(ModelConfig());
    tenures_.clear();
    waits_until_ = hearing_ + kLongest.count();
    Begin({.epoch = ++epoch_, .longest = kLongest, .wait = kLongest});
  }

  void CheckHolders() {
    for (std::size_t name = 0; name < kNames; ++name) {
      std::size_t acting = 0;
      const auto look = [&](const Holder& holder) {
        const FlatlineLease& lease = holder.leases[name];
        if (FlatlineMayAct(&lease, holder.Clock(real_))) {
          ++acting;
          ++acted_;
          EXPECT_GE(lease.token, acted_with_[name]) << "an older token acts";
          acted_with_[name] = lease.token;
        }
      };
      std::ranges::for_each(holders_, look);
      std::ranges::for_each(ghosts_, look);
      ASSERT_LE(acting, 1U) << "two act under one name";
    }
  }

  std::mt19937_64 random_;
  std::unique_ptr<PlainRegion> region_ = std::make_unique<PlainRegion>(ModelConfig());
  std::unique_ptr<TransitionProducer> ring_;
  Tally tally_;
  std::unique_ptr<LeaseTable> table_;
  std::array<Holder, kHolders> holders_{};
  std::deque<Holder> ghosts_;  // former lives
  std::vector<Datagram> network_;
  std::map<std::uint64_t, Tenure> tenures_;
  std::map<std::uint64_t, FencingToken> highest_;
  std::array<FencingToken, kNames> acted_with_{};
  std::int64_t real_ = 1'000'000'000;
  std::int64_t heard_ = 1'000'000'000;
  std::int64_t hearing_ = 1'000'000'000;
  std::int64_t horizon_ = 1'000'000'000;
  std::int64_t waits_until_ = 0;
  std::uint64_t epoch_ = 1;
  std::uint64_t acted_ = 0;
  std::uint64_t begun_ = 0;
  bool ring_has_room_ = true;
};

TEST(LeaseTableModel, AgreesWithAMapAndNeverHasTwoHoldersAtOnce) {
  const std::uint64_t first = std::random_device{}();
  std::uint64_t acted = 0;
  std::uint64_t tenures = 0;
  for (std::uint64_t seed = first; seed < first + 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LeasesAndModel both(seed);
    for (int step = 0; step < 20'000 && !testing::Test::HasFatalFailure(); ++step) {
      both.Step();
      if (step % 16 == 0) {
        both.Compare();
      }
    }
    acted += both.acted();
    tenures += both.tenures();
  }
  // The claim was put to the test.
  EXPECT_GT(acted, 20'000U);
  EXPECT_GT(tenures, 2'000U);
}

}  // namespace
}  // namespace flatline
