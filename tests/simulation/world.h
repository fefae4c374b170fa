// A simulated appliance and everything around it, on one thread with invented time, all of it drawn
// from one seed: a fleet that beats, dies, leaves, returns and restarts; a network that loses,
// doubles and reorders; ports whose links fail and whose queues overflow; workers that pause at the
// worst moments, also between reading the clock and using it; control that falls behind; and an
// engine that is killed and adopts what is left, also between telling a verdict and making it.
#pragma once

#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/plain_region.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/true_blindness.h"
#include "tests/simulation/truth.h"
#include "tests/simulation/witness.h"

#include <flatline/config.h>
#include <flatline/heartbeat.h>
#include <flatline/time.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

// What a seed decides once.
struct Climate {
  unsigned workers = 1;
  unsigned ports = 1;
  std::size_t endpoints = 50;
  std::uint32_t transition_ring = 256;
  bool closed = false;            // enrolment by command only
  std::uint64_t loss = 0;         // one message in so many; 0: none
  std::uint64_t doubling = 0;     // likewise
  Duration most_delay{};          // of the network; messages overtake each other within it
  std::uint64_t wandering = 0;    // one message in so many comes to another worker than usual
  std::uint64_t stalls = 0;       // one turn in so many is a stall
  std::uint64_t kills = 0;        // one turn in so many is the process's last
  std::uint64_t cuts = 0;         // one look in so many finds that a link fails
  std::uint64_t pauses = 0;       // one look in so many finds that control pauses
  std::uint64_t misfortunes = 0;  // one beat in so many is an endpoint's turn of fate

  static Climate Draw(Chance& chance);
};

struct Tidings {
  std::vector<std::string> faults;
  std::uint64_t suspicions = 0;
  std::uint64_t deaths = 0;
  std::uint64_t recoveries = 0;
  std::uint64_t frames = 0;
  std::uint64_t adoptions = 0;
  std::uint64_t handed_over = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed);

  // Lives through it, heals everything, lets it settle, and tells.
  Tidings Run();

 private:
  struct Message {
    std::size_t endpoint = 0;
    Heartbeat heartbeat;
  };

  // What lies in one queue, oldest first: which delivery each frame is, if it was news.
  struct Waiting {
    std::size_t endpoint = 0;
    bool is_news = false;
    std::uint32_t incarnation = 0;
    std::uint32_t sequence = 0;
  };

  struct Queue {
    FakePort port;
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

  [[nodiscard]] static Config ConfigOf(const Climate& climate);

  [[nodiscard]] Queue& QueueOf(unsigned port, unsigned worker) {
    return *queues_[port * climate_.workers + worker];
  }

  void Start(Instant now);
  void Kill();
  void UndoUnmade();
  void ForgetHandedOver(Truth& truth);
  void Step();
  void TurnOf(unsigned worker);
  void DrawNextTurn(WorkerLife& life);
  void ForgetReceived(unsigned worker);
  void Beat(Truth& truth, std::size_t endpoint);
  void TurnOfFate(Truth& truth);
  void Send(std::size_t endpoint, const Heartbeat& heartbeat);
  void DeliverDue();
  void Deliver(const Message& message);
  void Look();
  void LookAt(unsigned port);
  void Enrol();
  void SendCommand(const Command& command);
  void TakeResults();
  void Heal();
  [[nodiscard]] Duration BlindTotal() const;
  [[nodiscard]] Duration BlindTotalBefore() const;

  Instant now_{Milliseconds(10'000)};
  Chance chance_;
  Climate climate_;
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
  Instant heard_{};  // least drained, as the leader last saw it
  Instant next_look_{};
  Instant last_look_{};
  Instant control_resumes_{};
  std::deque<std::pair<Instant, Duration>> blind_totals_;  // of the last looks
  std::uint64_t tickets_ = 0;
  std::uint64_t adoptions_ = 0;
  std::uint64_t last_told_worker_ = 0;
  bool healed_ = false;
};

}  // namespace flatline
