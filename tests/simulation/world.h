// A simulated appliance and everything around it, on one thread with invented time, all of it drawn
// from one seed: a fleet that beats, dies, leaves, returns and restarts; a network that loses,
// doubles, reorders, replays and cuts off racks; ports whose links fail and whose queues overflow;
// workers that pause at the worst moments, also between reading the clock and using it; hosts that
// answer what they are asked; an engine that is killed and adopts what is left, also between
// telling a verdict and making it; control that pauses, dies and comes back, with its journal on a
// disk that refuses; subscribers that come and go; and power cuts, after which the region is a new
// one.
#pragma once

#include "dataplane/engine.h"
#include "tests/dataplane/plain_region.h"
#include "tests/simulation/administrator.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/climate.h"
#include "tests/simulation/digest.h"
#include "tests/simulation/lease_witness.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/simulated_control.h"
#include "tests/simulation/simulated_holders.h"
#include "tests/simulation/simulated_port.h"
#include "tests/simulation/simulated_subscriber.h"
#include "tests/simulation/true_blindness.h"
#include "tests/simulation/truth.h"
#include "tests/simulation/witness.h"

#include <flatline/config.h>
#include <flatline/heartbeat.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

struct Tidings {
  std::vector<std::string> faults;
  std::uint64_t suspicions = 0;
  std::uint64_t deaths = 0;
  std::uint64_t corroborated = 0;  // of these, by evidence
  std::uint64_t suppressed = 0;    // changes of those who flap
  std::uint64_t recoveries = 0;
  std::uint64_t answers = 0;  // to probes
  std::uint64_t frames = 0;
  std::uint64_t adoptions = 0;
  std::uint64_t handed_over = 0;
  std::uint64_t journaled = 0;
  std::uint64_t control_deaths = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t lease_rows = 0;  // in them
  std::uint64_t scales = 0;      // of suspicion, told to subscribers
  std::uint64_t eased = 0;       // suspicions, likewise
  std::uint64_t tenures = 0;     // of leases
  std::uint64_t holds = 0;       // of guards
  std::uint64_t digest = 0;      // of all that happened
};

class World {
 public:
  // Everything but the climate is drawn from the seed; the same two make the same world.
  World(std::uint64_t seed, const Climate& climate);

  // Lives through it, heals everything, lets it settle, and tells.
  [[nodiscard]] Tidings Run();

  // What this seed draws.
  [[nodiscard]] static Climate ClimateOf(std::uint64_t seed);

 private:
  struct Message {
    std::size_t endpoint = 0;
    Heartbeat heartbeat{};
    // Instead of a heartbeat, what its host answers: to a probe that was sent then, if it was one.
    std::vector<std::byte> answer{};
    Instant asked{};
    bool is_again = false;
    std::vector<std::byte> lease{};  // likewise, what it asks: for a lease
  };

  // To an endpoint that asked for a lease.
  struct LeaseWord {
    std::size_t endpoint = 0;
    std::vector<std::byte> bytes;
  };

  // What lies in one queue, oldest first: which delivery each frame is, if it was news.
  struct Waiting {
    std::size_t endpoint = 0;
    std::uint64_t serial = 0;  // 0: it was no news
  };

  struct Queue {
    SimulatedPort port;
    std::deque<Waiting> waiting;
  };

  struct WorkerLife {
    Instant next{};                     // when it does its next step
    bool received = false;              // in its first half of a turn
    std::optional<Instant> clock_read;  // and then turns with this `now`
    Instant last_turn{};
  };

  struct LinkLife {
    bool up = true;
    Instant down_since{};
    Instant returns{};
    bool missed = false;  // frames, since the last look
  };

  // Where each part's chance comes from, so that one misfortune less leaves the others as they are.
  struct Lots {
    explicit Lots(std::uint64_t seed);

    Chance fleet;
    Chance network;
    Chance turns;
    Chance stalls;
    Chance ends;  // of processes and of power
    Chance ports;
    Chance audience;
    Chance leases;
  };

  [[nodiscard]] static Config ConfigOf(const Climate& climate);

  [[nodiscard]] Queue& QueueOf(unsigned port, unsigned worker) {
    return *queues_[port * climate_.workers + worker];
  }

  [[nodiscard]] bool Strikes(Chance& chance, std::uint64_t one_in) const {
    return !healed_ && one_in != 0 && chance.OneIn(one_in);
  }

  [[nodiscard]] std::uint64_t HashKey() const { return seed_ * 0x9E3779B97F4A7C15ULL; }

  [[nodiscard]] Truth* TruthOf(EndpointId id) {
    const std::size_t place = (id & 0xFFFF) - 1;
    return id >> 16 == seed_ && place < fleet_.size() ? &fleet_[place] : nullptr;
  }

  [[nodiscard]] WallInstant Wall() const { return WallInstant{now_.time_since_epoch() + kWall}; }

  void Start(Instant now);
  void Kill();
  void Forget(Queue& queue);
  void LosePower();
  void LoseOnTheWay();
  void UndoUnmade();
  void ForgetHandedOver(Truth& truth);
  void Step();
  [[nodiscard]] bool IsStoppedAtTheWorstMoment(WorkerLife& life);
  void TurnOf(unsigned worker);
  void StepOfControl();
  void DrawNextTurn(WorkerLife& life);
  void ForgetReceived(unsigned worker);
  void Beat(Truth& truth, std::size_t endpoint);
  void AskForLease(const Truth& truth, std::size_t endpoint);
  void TakeGrants(unsigned worker);
  void DeliverGrants();
  void UndoLease(unsigned worker, const Transition& last);
  void CutOff(Group rack);
  void TurnOfFate(Truth& truth);
  void Send(std::size_t endpoint, const Heartbeat& heartbeat);
  void DeliverDue();
  void Deliver(const Message& message);
  [[nodiscard]] std::uint64_t DeliverHeartbeat(const Message& message);
  [[nodiscard]] std::uint64_t DeliverAnswer(const Message& message);
  void DoubtAnswers(Truth& truth);
  void AnswerQuestions(unsigned worker, Instant turn);
  void AnswerQuestion(const std::vector<std::byte>& question, Instant asked);
  void Look();
  void LookAt(unsigned port);
  [[nodiscard]] bool IsInTable(EndpointId id) const;
  void Replay(const Message& message);
  void Enrol();
  void Ask(Truth& truth);
  void TakeResults(unsigned worker, Instant turn);
  void LearnHandles(unsigned worker);
  void Heal();
  void Settle();
  [[nodiscard]] bool IsEverythingHeard() const;
  [[nodiscard]] Tidings Tell();
  [[nodiscard]] Duration BlindTotal() const;
  [[nodiscard]] Duration BlindTotalBefore() const;

  // The wall clock less the monotonic one.
  static constexpr Duration kWall{1'790'000'000'000'000'000};
  static constexpr Duration kLongestTerm = Milliseconds(200);

  Instant now_{Milliseconds(10'000)};
  std::uint64_t seed_;
  Climate climate_;
  Lots lots_;
  Config config_;
  PlainRegion region_;
  std::vector<Truth> fleet_;
  TrueBlindness blind_;
  Witness witness_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::unique_ptr<Engine> engine_;
  std::vector<WorkerLife> workers_;
  std::vector<LinkLife> links_;
  std::multimap<Instant, Message> in_flight_;
  std::multimap<Instant, LeaseWord> granted_;  // likewise, to the fleet
  Instant heard_{};                            // least drained, as the leader last saw it
  Instant next_look_{};
  Instant last_look_{};
  std::deque<std::pair<Instant, Duration>> blind_totals_;  // of the last looks
  std::array<std::uint64_t, kMaxWorkers> results_seen_{};
  std::vector<Message> heard_once_;  // some, to come again
  std::uint64_t delivered_ = 0;
  std::uint64_t answers_ = 0;
  std::uint64_t adoptions_ = 0;
  std::uint64_t power_cuts_ = 0;
  std::uint64_t last_told_worker_ = 0;
  std::uint64_t lease_epoch_ = 1;  // the file of it outlives everything
  Duration lease_wait_{};
  bool healed_ = false;

  Digest digest_;
  Ledger ledger_;
  SimulatedHolders holders_;
  LeaseWitness lease_witness_;
  SimulatedControl control_;
  Administrator administrator_;
  std::vector<std::unique_ptr<SimulatedSubscriber>> subscribers_;
  Instant next_control_{};
  std::vector<std::string> faults_;
};

}  // namespace flatline
