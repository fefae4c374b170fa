// What a simulated world's hosts answer when they are asked, and what is true of an answer. A host
// whose endpoint does not run answers for its address alone.
#include "tests/dataplane/asked_host.h"
#include "tests/simulation/world.h"

#include <flatline/wire.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kArpTarget = 14 + 24;
constexpr std::size_t kIpTarget = 14 + 16;
constexpr std::size_t kShortest = kArpTarget + 4;
// By how much an answer may be older or younger to the prober than to us, who measure on another
// clock and by turns: between the two nobody can say whether it still counts.
constexpr Duration kDoubt = Milliseconds(30);
// How long one worker may keep another's answer from it.
constexpr Duration kLongestHandOver = Milliseconds(1000);

bool IsArp(const std::vector<std::byte>& question) {
  return wire::Load<std::uint16_t>(question.data() + 12) == 0x0806;
}

// Which endpoint's host is asked, by the address that it is given: 10.1.a.b.
std::size_t AskedIn(const std::vector<std::byte>& question) {
  return wire::Load<std::uint16_t>(question.data() + (IsArp(question) ? kArpTarget : kIpTarget) +
                                   2);
}

}  // namespace

void World::AnswerQuestions(unsigned worker, Instant turn) {
  for (unsigned port = 0; port < climate_.ports; ++port) {
    for (const auto& question : QueueOf(port, worker).port.sink.TakeQuestions()) {
      // A probe is of the horizon's instant, which may be long before the turn's.
      AnswerQuestion(question, std::min(turn, heard_));
    }
  }
}

void World::AnswerQuestion(const std::vector<std::byte>& question, Instant asked) {
  const std::size_t endpoint = question.size() < kShortest ? fleet_.size() : AskedIn(question);
  if (endpoint >= fleet_.size()) {
    faults_.emplace_back("somebody was asked who does not exist");
    return;
  }
  const Truth& truth = fleet_[endpoint];
  const bool is_dumb = !IsArp(question) && (!truth.beats || truth.left);
  if (is_dumb || Strikes(lots_.network, climate_.loss)) {
    return;
  }
  FlatlineAgent agent{};
  agent.id = truth.id;
  agent.incarnation = truth.incarnation;
  agent.health = static_cast<std::uint8_t>(truth.health);
  const IpAddress ip{0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0xFF,
                     0xFF,
                     10,
                     1,
                     static_cast<std::uint8_t>(endpoint >> 8),
                     static_cast<std::uint8_t>(endpoint & 0xFFU)};
  const AskedHost host(agent,
                       {.mac = {2, 0, 0, 0, 0, 2},
                        .udp_port = 40000,
                        .promiscuous = false,
                        .addresses = {ip},
                        .gateways = {}});
  auto answer = host.Answer(question);
  if (!answer) {
    faults_.emplace_back("a host cannot understand what it was asked");
    return;
  }
  const Duration delay = lots_.network.Between(
      Duration{0}, Duration{static_cast<std::int64_t>(climate_.most_delay_us) * 1000});
  in_flight_.emplace(now_ + delay,
                     Message{.endpoint = endpoint,
                             .heartbeat = {.incarnation = truth.incarnation},
                             .answer = std::move(*answer),
                             .asked = IsArp(question) ? Instant{} : asked});
}

// An answer is heard as of the question, by whom the endpoint is known to, as what it was when it
// last beat. Where there is doubt it may be held neither against the detector nor in its favour.
std::uint64_t World::DeliverAnswer(const Message& message) {
  if (message.asked == Instant{}) {
    return 0;
  }
  Truth& truth = fleet_[message.endpoint];
  const std::uint32_t incarnation = message.heartbeat.incarnation;
  ++truth.answers;
  ++answers_;
  static_cast<void>(truth.came[incarnation]);
  const Duration patience = config_.profiles[truth.profile].confirmation;
  const bool is_certain = !message.is_again && now_ - message.asked < patience - kDoubt &&
                          !truth.deliveries.empty() && !truth.deliveries.back().is_leave &&
                          !truth.left && truth.deliveries.back().incarnation == incarnation;
  if (!is_certain) {
    truth.maybe_answered = now_;
    truth.maybe_blind = BlindTotalBefore();
    return 0;
  }
  truth.deliveries.push_back({.at = message.asked,
                              .came = now_,
                              .serial = ++delivered_,
                              .blind_total = BlindTotalBefore(),
                              .incarnation = incarnation,
                              .sequence = truth.deliveries.back().sequence,
                              .is_answer = true});
  return delivered_;
}

// The process is killed: an answer may still have been on its way from one worker to another.
void World::DoubtAnswers(Truth& truth) {
  std::erase_if(truth.deliveries, [&](const Delivery& delivery) {
    const bool is_doubtful = delivery.is_answer && now_ - delivery.came < kLongestHandOver;
    if (is_doubtful && delivery.came > truth.maybe_answered) {
      truth.maybe_answered = delivery.came;
      truth.maybe_blind = delivery.blind_total;
    }
    return is_doubtful;
  });
}

}  // namespace flatline
