// What ten good subscribers notice of bad ones: their latency with a Mob of four hundred beside
// them, over that without, in turns; or, where CA is given, with a flood of handshakes.
// `hostile_bench DIRECTORY PORT PID [ROUNDS [CA]]`, where control beside it is fed through a region
// in DIRECTORY; started by bench/crowd.py. 10,000 transitions a second, the good by the client
// library over TCP (with CA, over the Unix socket), each held to hear every record in its turn.
// Prints the median of the rounds' ratios, the least and the most of them, and control's memory.
#include "bench/fed_region.h"
#include "bench/handshake_flood.h"
#include "bench/latencies.h"
#include "bench/mob.h"
#include "bench/process_status.h"
#include "bench/reaper.h"

#include <flatline/client.h>
#include <flatline/delivery.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace flatline {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kJoins = std::chrono::milliseconds(500);  // control looks for a region every 100
constexpr auto kSettles = std::chrono::milliseconds(500);
constexpr auto kWindow = std::chrono::milliseconds(1000);
constexpr std::uint64_t kBefore = 200'000;  // in the journal: more than any socket takes
constexpr std::size_t kGood = 10;

std::int64_t WallNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class GoodOnes {
 public:
  GoodOnes(const Subscription& subscription, Reaper& reaper)
      : reaper_(&reaper), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < kGood; ++i) {
      clients_.push_back(std::make_unique<Client>(subscription));
      // Until it is greeted, with the newest of the journal, which is not empty; on a busy machine
      // that takes a while.
      for (int k = 0; clients_[i]->sequence() == 0; ++k) {
        FLATLINE_CHECK(k < 10'000 && clients_[i]->Poll(Duration{1'000'000}, [](auto) {}));
      }
      heard_.push_back(clients_[i]->sequence());
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      FLATLINE_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, clients_[i]->descriptor(), &event) == 0);
    }
  }

  ~GoodOnes() { ::close(epoll_); }

  GoodOnes(const GoodOnes&) = delete;
  GoodOnes& operator=(const GoodOnes&) = delete;

  // Feeds and hears for so long.
  void Listen(Clock::duration duration, Latencies* latencies) {
    for (const auto end = Clock::now() + duration; Clock::now() < end;) {
      reaper_->KillTheDue();
      std::array<epoll_event, 2 * kGood> events;
      const int count = ::epoll_wait(epoll_, events.data(), events.size(), 0);
      for (int i = 0; i < count; ++i) {
        const std::size_t who = events[static_cast<std::size_t>(i)].data.u64;
        FLATLINE_CHECK(
            clients_[who]->Poll(Duration{}, [&](std::span<const DeliveryRecord> records) {
              const std::int64_t now = WallNow();
              for (const DeliveryRecord& record : records) {
                FLATLINE_CHECK(record.sequence == ++heard_[who]);  // all of it, in order, once
                if (latencies != nullptr) {
                  latencies->Count(now - record.at_ns);
                }
              }
            }));
        reaper_->KillTheDue();
      }
    }
  }

  [[nodiscard]] bool unbroken() const {
    return std::ranges::all_of(clients_,
                               [](const auto& client) { return client->reconnections() == 0; });
  }

 private:
  Reaper* reaper_;
  int epoll_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::uint64_t> heard_;
};

// Of each round; sorted once they are printed.
struct Ratios {
  std::vector<double> values;

  void Print(const std::string& name) {
    std::ranges::sort(values);
    fmt::print("delivery.{}_ratio {:.3g} 1\n", name, values[values.size() / 2]);
    fmt::print("delivery.{}_least {:.3g} 1\n", name, values.front());
    fmt::print("delivery.{}_most {:.3g} 1\n", name, values.back());
  }
};

double InMicroseconds(const Latencies& latencies, double share) {
  return static_cast<double>(std::max<std::size_t>(latencies.AtShare(share), 1));
}

struct Task {
  std::string directory;
  std::uint16_t port = 0;
  std::string pid;
  int rounds = 9;
  std::string ca;  // empty: beside a mob, else beside a flood of handshakes

  // Beside a flood of handshakes in the clear: what is measured is not what TLS costs them.
  [[nodiscard]] Subscription good() const {
    Subscription out;
    out.address = ca.empty() ? fmt::format("127.0.0.1:{}", port)
                             : fmt::format("unix:{}/control.sock", directory);
    return out;
  }

  [[nodiscard]] std::string row() const {
    return ca.empty() ? "latency_beside_hostile" : "latency_beside_handshakes";
  }
};

// Whoever is beside them.
struct Company {
  std::optional<Mob> mob;
  std::optional<HandshakeFlood> flood;

  explicit Company(const Task& task) {
    if (task.ca.empty()) {
      mob.emplace(task.port);
    } else {
      flood.emplace(task.port, task.ca);
    }
  }
};

// What there is to be told before anybody listens.
void FillJournal(FedRegion& region) {
  std::this_thread::sleep_for(kJoins);
  for (std::uint64_t i = 0; i < kBefore; ++i) {
    while (!region.Kill(i % 64 + 1)) {
    }
  }
  std::this_thread::sleep_for(kJoins);
}

void PrintRound(int round, const Latencies& without, const Latencies& with) {
  fmt::print(stderr,
             "round {}: median {} and {} us, 99 % {} and {} us\n",
             round,
             without.AtShare(0.5),
             with.AtShare(0.5),
             without.AtShare(0.99),
             with.AtShare(0.99));
}

void Measure(const Task& task) {
  FedRegion region(task.directory, 64);
  FillJournal(region);
  Reaper reaper(region, 10'000);
  GoodOnes good(task.good(), reaper);
  Ratios medians;
  Ratios tails;
  std::uint64_t resident = 0;
  std::uint64_t handshakes = 0;
  for (int round = 0; round < task.rounds; ++round) {
    std::array<Latencies, 2> latencies;
    for (int turn = 0; turn < 2; ++turn) {
      const bool with = (round + turn) % 2 == 1;  // who goes first changes
      std::optional<Company> company;
      if (with) {
        company.emplace(task);
      } else {
        resident = std::max(resident, ResidentBytes(task.pid));
      }
      good.Listen(kSettles, nullptr);
      good.Listen(kWindow, &latencies[with ? 1 : 0]);
      handshakes += company && company->flood ? company->flood->finished() : 0;
    }
    medians.values.push_back(InMicroseconds(latencies[1], 0.5) / InMicroseconds(latencies[0], 0.5));
    tails.values.push_back(InMicroseconds(latencies[1], 0.99) / InMicroseconds(latencies[0], 0.99));
    PrintRound(round, latencies[0], latencies[1]);
  }
  FLATLINE_CHECK(good.unbroken());
  medians.Print(task.row());
  tails.Print(task.row() + "_p99");
  if (!task.ca.empty()) {
    FLATLINE_CHECK(handshakes != 0);
    fmt::print("delivery.latency_beside_handshakes_finished {:.0f} 1/s\n",
               static_cast<double>(handshakes) / (1.5 * task.rounds));
    return;
  }
  fmt::print("delivery.latency_beside_hostile_memory_bytes {} B\n",
             std::max(resident, ResidentBytes(task.pid)));
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  if (count < 4 || count > 6) {
    std::fputs("usage: hostile_bench DIRECTORY PORT PID [ROUNDS [CA]]\n", stderr);
    return 2;
  }
  flatline::Measure({.directory = arguments[1],
                     .port = static_cast<std::uint16_t>(std::atoi(arguments[2])),
                     .pid = arguments[3],
                     .rounds = count > 4 ? std::atoi(arguments[4]) : 9,
                     .ca = count > 5 ? arguments[5] : ""});
  return 0;
}
