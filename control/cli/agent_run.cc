#include "control/cli/agent_run.h"

#include "control/cli/input_file.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <fmt/ostream.h>
#include <nlohmann/json.hpp>
#include <ostream>
#include <poll.h>
#include <pthread.h>
#include <set>
#include <span>
#include <sys/signalfd.h>
#include <unistd.h>

namespace flatline::cli {
namespace {

constexpr Duration kReport{1'000'000'000};
constexpr Duration kLinger{250'000'000};
constexpr int kLeaves = 3;  // each: UDP may lose one

std::int64_t ReadClock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Instant Now() {
  return Instant{Duration{ReadClock(CLOCK_MONOTONIC)}};
}

// Goes on while the machine sleeps, and is never set: leases count by it.
std::uint64_t LeaseNanoseconds() {
  return static_cast<std::uint64_t>(ReadClock(CLOCK_BOOTTIME));
}

}  // namespace

std::uint64_t WallNanoseconds() {
  return static_cast<std::uint64_t>(ReadClock(CLOCK_REALTIME));
}

StopSignals::StopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stop, &before_);
  descriptor_ = ::signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
}

void StopSignals::Take() const {
  signalfd_siginfo taken{};
  while (::read(descriptor_, &taken, sizeof taken) > 0) {
  }
}

StopSignals::~StopSignals() {
  Take();  // else it would end us when it is unblocked
  ::close(descriptor_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

AgentRun::AgentRun(const AgentPlan& plan,
                   std::size_t count,
                   AgentSocket& socket,
                   const Invocation& invocation)
    : plan_(plan),
      fleet_(plan.first, count),
      schedule_(count, plan.timing, Now()),
      socket_(socket),
      invocation_(invocation) {
  if (plan.lease) {
    leases_.emplace(*plan.lease, plan.term_ms, fleet_);
  }
}

std::expected<void, std::string> AgentRun::ReadKeys(const std::string& path, unsigned tag_bits) {
  auto file = OpenInput(path);
  if (!file) {
    return std::unexpected("--keys: " + file.error());
  }
  std::set<EndpointId> given;
  EndpointId id = kNoEndpoint;
  std::string text;
  while (*file >> id >> text) {
    std::array<std::uint8_t, 16> key{};
    if (!FlatlineReadKey(text.c_str(), key.data())) {
      break;
    }
    if (fleet_.GiveKey(id, key, static_cast<std::uint8_t>(tag_bits / 8))) {
      given.insert(id);
    }
  }
  if (!file->eof() || given.size() < fleet_.size()) {
    return std::unexpected(
        fmt::format("{}: needed a line `id key` for each of {} agents, as `flatline key derive` "
                    "prints them, found {} of them",
                    path,
                    fleet_.size(),
                    given.size()));
  }
  return {};
}

void AgentRun::Beat() {
  const Instant start = Now();
  Instant report = start + kReport;
  for (Instant now = start; !stopped_ && !IsOver(start, now); now = Now()) {
    while (const auto agent = schedule_.TakeDue(now)) {
      if (!plan_.answer_only) {
        Send(*agent, Message::kHeartbeat);
      }
    }
    if (now >= report) {
      Report("running");
      report = now + kReport;
    }
    Instant until = std::min(schedule_.next(), report);
    if (leases_) {
      until = std::min(until, KeepLeases(*leases_, now));
    }
    if (plan_.duration > Duration{}) {
      until = std::min(until, start + plan_.duration);
    }
    WaitUntil(until);
  }
}

void AgentRun::GiveUpLeases() {
  for (std::size_t agent = 0; leases_ && agent < fleet_.size(); ++agent) {
    if (const auto datagram = leases_->GiveUp(agent, LeaseNanoseconds()); !datagram.empty()) {
      static_cast<void>(socket_.Send(datagram));
    }
  }
  TellOfLeases();
}

void AgentRun::Leave() {
  for (int round = 0; round < kLeaves; ++round) {
    for (std::size_t agent = 0; agent < fleet_.size(); ++agent) {
      Send(agent, Message::kLeave);
    }
  }
}

void AgentRun::Linger() {
  signals_.Take();
  stopped_ = false;
  const Instant until = Now() + kLinger;
  while (!stopped_ && Now() < until && totals().acknowledged < totals().sent) {
    WaitUntil(until);
  }
}

void AgentRun::Report(std::string_view event) const {
  const AgentTotals& sums = totals();
  const RoundTrips& trips = sums.round_trips;
  if (invocation_.json) {
    const nlohmann::ordered_json line{{"event", event},
                                      {"sent", sums.sent},
                                      {"failed", sums.failed},
                                      {"acknowledged", sums.acknowledged},
                                      {"answered", sums.answered},
                                      {"strange", sums.strange},
                                      {"round_trip_min_ns", trips.least_ns},
                                      {"round_trip_mean_ns", trips.mean_ns()},
                                      {"round_trip_max_ns", trips.most_ns}};
    invocation_.out << line.dump() << "\n" << std::flush;
    return;
  }
  fmt::print(invocation_.out,
             "{}: sent {} ({} failed), acknowledged {}, answered {}, strange {}, round trip "
             "min/mean/max "
             "{:.1f}/{:.1f}/{:.1f} us\n",
             event,
             sums.sent,
             sums.failed,
             sums.acknowledged,
             sums.answered,
             sums.strange,
             static_cast<double>(trips.least_ns) / 1e3,
             static_cast<double>(trips.mean_ns()) / 1e3,
             static_cast<double>(trips.most_ns) / 1e3);
  invocation_.out.flush();
}

bool AgentRun::IsOver(Instant start, Instant now) const {
  return plan_.duration > Duration{} && now - start >= plan_.duration;
}

void AgentRun::Send(std::size_t agent, Message message) {
  fleet_.CountSent(socket_.Send(fleet_.Encode(agent, message, WallNanoseconds())));
}

// Asks for what is due, and says what has changed; when to come again.
Instant AgentRun::KeepLeases(LeaseKeeper& leases, Instant now) {
  for (;;) {
    const auto datagram = leases.TakeDue(LeaseNanoseconds());
    if (datagram.empty()) {
      break;
    }
    static_cast<void>(socket_.Send(datagram));  // lost, it is asked again
  }
  TellOfLeases();
  const std::uint64_t clock = LeaseNanoseconds();
  const std::uint64_t next = leases.next();
  const std::uint64_t wait = next <= clock ? 0 : next - clock;
  constexpr auto kMost = static_cast<std::uint64_t>(kReport.count());
  return now + Duration{static_cast<std::int64_t>(std::min(wait, kMost))};
}

void AgentRun::TellOfLeases() {
  if (!leases_) {
    return;
  }
  for (const LeaseChange& change : leases_->Look(LeaseNanoseconds())) {
    invocation_.out << (invocation_.json ? LeaseChangeJson(change) : LeaseChangeText(change))
                    << "\n"
                    << std::flush;
  }
}

void AgentRun::WaitUntil(Instant until) {
  const Duration left = std::max(Duration{}, until - Now());
  const timespec timeout{.tv_sec = left.count() / 1'000'000'000,
                         .tv_nsec = left.count() % 1'000'000'000};
  std::array<pollfd, 2> waiting{{{.fd = socket_.descriptor(), .events = POLLIN, .revents = 0},
                                 {.fd = signals_.descriptor(), .events = POLLIN, .revents = 0}}};
  ::ppoll(waiting.data(), waiting.size(), &timeout, nullptr);
  stopped_ = waiting[1].revents != 0;
  std::array<std::uint8_t, 2048> datagram{};
  while (const auto size = socket_.Receive(datagram)) {
    if (leases_ && leases_->Receive(std::span{datagram}.first(*size), LeaseNanoseconds())) {
      continue;
    }
    const auto answer = fleet_.Receive(std::span{datagram}.first(*size), WallNanoseconds());
    if (!answer.empty()) {
      static_cast<void>(socket_.Send(answer));  // lost, it is as if the network had lost it
    }
  }
}

}  // namespace flatline::cli
