// What a simulated world's fleet does, and its network and its ports.
#include "tests/dataplane/frames.h"
#include "tests/simulation/world.h"

#include <flatline/command_ring.h>

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

// Blindness that began before a message came may be reported after it: its stamp knows nothing of
// it.
constexpr Duration kLongestBlindness = Milliseconds(700);
constexpr std::size_t kQueueRoom = 256;
constexpr std::size_t kKeptToComeAgain = 64;

// One in three says something of its endpoint, which tells which one it was; the first of a life
// its group.
std::vector<std::byte> SaidIn(const Heartbeat& heartbeat) {
  if (heartbeat.sequence == 1) {
    return testing_frames::GroupElement(GroupOf(heartbeat.id));
  }
  return heartbeat.sequence % 3 != 0
             ? std::vector<std::byte>{}
             : testing_frames::NumberElement(kElementLoad,
                                             LoadOf(heartbeat.incarnation, heartbeat.sequence));
}

testing_frames::Route RouteOf(std::size_t endpoint) {
  testing_frames::Route route;
  route.from_ip = {
      10, 1, static_cast<std::uint8_t>(endpoint >> 8), static_cast<std::uint8_t>(endpoint & 0xFFU)};
  return route;
}

}  // namespace

void World::Beat(Truth& truth, std::size_t endpoint) {
  const Profile& profile = config_.profiles[truth.profile];
  truth.next_beat =
      now_ + lots_.fleet.Between(profile.interval * 8 / 10, profile.interval * 12 / 10);
  if (Strikes(lots_.fleet, climate_.misfortunes)) {
    TurnOfFate(truth);
  }
  if (endpoint % 5 == 0 && !truth.left && Strikes(lots_.fleet, climate_.flaps)) {
    truth.beats = !truth.beats;
  }
  const bool leaves_now = truth.left && truth.beats;
  if (!truth.beats) {
    return;
  }
  truth.beats = !leaves_now;
  if (climate_.probes != 0 && Strikes(lots_.fleet, climate_.one_way)) {
    truth.strays_until = now_ + lots_.fleet.Between(Milliseconds(20), Milliseconds(400));
  }
  if (Strikes(lots_.fleet, climate_.racks)) {
    CutOff(GroupOf(truth.id));
  }
  Send(endpoint,
       {.id = truth.id,
        .incarnation = truth.incarnation,
        .sequence = ++truth.sequence,
        .handle = lots_.fleet.OneIn(4) ? kNoSlot : truth.handle,
        .profile = truth.profile,
        .kind = leaves_now ? HeartbeatKind::kLeave : HeartbeatKind::kHeartbeat,
        .health = truth.health,
        .wants_acknowledgement = lots_.fleet.OneIn(4)});
  if (climate_.leases != 0 && !leaves_now && lots_.leases.OneIn(climate_.leases)) {
    AskForLease(truth, endpoint);
  }
}

void World::CutOff(Group rack) {
  const Instant until = now_ + lots_.fleet.Between(Milliseconds(50), Milliseconds(600));
  for (Truth& truth : fleet_) {
    if (GroupOf(truth.id) == rack) {
      truth.strays_until = std::max(truth.strays_until, until);
    }
  }
}

void World::TurnOfFate(Truth& truth) {
  if (!truth.beats) {  // comes back: the same life, unless it had left
    truth.beats = true;
    if (truth.left || lots_.fleet.OneIn(2)) {
      ++truth.incarnation;
      truth.sequence = 0;
      truth.left = false;
    }
    return;
  }
  switch (lots_.fleet.Below(5)) {
    case 0:
      truth.left = true;  // its next message says so
      break;
    case 1:
      ++truth.incarnation;
      truth.sequence = 0;
      break;
    case 2:
      truth.health = truth.health == Health::kReady ? Health::kFailing : Health::kReady;
      break;
    default:
      truth.beats = false;
  }
}

void World::Send(std::size_t endpoint, const Heartbeat& heartbeat) {
  const std::uint64_t copies = Strikes(lots_.network, climate_.doubling) ? 2 : 1;
  for (std::uint64_t i = 0; i < copies; ++i) {
    const bool strays = !healed_ && now_ < fleet_[endpoint].strays_until;
    if (!Strikes(lots_.network, climate_.loss) && !strays) {
      const Duration delay = lots_.network.Between(
          Duration{0}, Duration{static_cast<std::int64_t>(climate_.most_delay_us) * 1000});
      in_flight_.emplace(now_ + delay, Message{.endpoint = endpoint, .heartbeat = heartbeat});
    }
  }
}

// Some of what was heard is kept, and some of that comes again, whenever.
void World::Replay(const Message& message) {
  if (climate_.replays == 0 || healed_) {
    return;
  }
  if (heard_once_.size() < kKeptToComeAgain) {
    heard_once_.push_back(message);
  } else {
    heard_once_[lots_.network.Below(heard_once_.size())] = message;
  }
  if (Strikes(lots_.network, climate_.replays)) {
    Message& again = heard_once_[lots_.network.Below(heard_once_.size())];
    again.is_again = true;
    in_flight_.emplace(now_ + lots_.network.Between(Duration{0}, Milliseconds(300)), again);
  }
}

void World::DeliverDue() {
  while (!in_flight_.empty() && in_flight_.begin()->first <= now_) {
    const Message message = in_flight_.begin()->second;
    in_flight_.erase(in_flight_.begin());
    Deliver(message);
    Replay(message);
  }
  DeliverGrants();
}

bool World::IsInTable(EndpointId id) const {
  return std::ranges::any_of(region_.view().records(),
                             [id](const EndpointRecord& record) { return record.id.load() == id; });
}

void World::Deliver(const Message& message) {
  const auto port = static_cast<unsigned>(message.endpoint % climate_.ports);
  auto worker = static_cast<unsigned>(message.endpoint / 2 % climate_.workers);
  if (climate_.wandering != 0 && lots_.network.OneIn(climate_.wandering)) {
    worker = static_cast<unsigned>(lots_.network.Below(climate_.workers));
  }
  Queue& queue = QueueOf(port, worker);
  if (!links_[port].up ||
      (fleet_[message.endpoint].is_to_be_enrolled && !fleet_[message.endpoint].enrolled)) {
    return;  // an echo of an endpoint from before a power cut is lost, too
  }
  if (queue.waiting.size() >= kQueueRoom) {
    links_[port].missed = true;
    return;
  }
  if (!message.lease.empty()) {
    lease_witness_.Came(region_.view(), message.lease);
    queue.waiting.push_back({.endpoint = message.endpoint});
    queue.port.source.Put(testing_frames::UdpFrame(message.lease, RouteOf(message.endpoint)));
    return;
  }
  const bool is_answer = !message.answer.empty();
  queue.waiting.push_back(
      {.endpoint = message.endpoint,
       .serial = is_answer ? DeliverAnswer(message) : DeliverHeartbeat(message)});
  queue.port.source.Put(is_answer ? message.answer
                                  : testing_frames::HeartbeatFrame(message.heartbeat,
                                                                   SaidIn(message.heartbeat),
                                                                   RouteOf(message.endpoint)));
}

// Notes what is true from now on. The serial number of the delivery, or 0 where it is no news.
std::uint64_t World::DeliverHeartbeat(const Message& message) {
  Truth& truth = fleet_[message.endpoint];
  const Heartbeat& heartbeat = message.heartbeat;
  const bool is_leave = heartbeat.kind == HeartbeatKind::kLeave;
  std::uint32_t& came = truth.came[heartbeat.incarnation];
  came = std::max(came, heartbeat.sequence);
  // A leave enrols nobody; but a table that was adopted may have one of whom nobody was told.
  const bool is_strange = is_leave && truth.deliveries.empty() && !IsInTable(truth.id);
  const bool is_watched = truth.enrolled || (climate_.closed == 0 && !is_strange);
  if (!is_watched || !truth.IsNews(heartbeat.incarnation, heartbeat.sequence)) {
    return 0;
  }
  truth.deliveries.push_back({.at = now_,
                              .came = now_,
                              .serial = ++delivered_,
                              .blind_total = BlindTotalBefore(),
                              .incarnation = heartbeat.incarnation,
                              .sequence = heartbeat.sequence,
                              .is_leave = is_leave});
  return delivered_;
}

// What the worker told its endpoints of their places.
void World::LearnHandles(unsigned worker) {
  for (unsigned port = 0; port < climate_.ports; ++port) {
    for (const ReplySink::Handle& told : QueueOf(port, worker).port.sink.TakeHandles()) {
      if (Truth* const truth = TruthOf(told.id)) {
        truth->handle = told.slot;
      }
    }
  }
}

// The watch over the ports, every few milliseconds; and what else happens now and then.
void World::Look() {
  for (unsigned port = 0; port < climate_.ports; ++port) {
    LookAt(port);
  }
  last_look_ = now_;
  blind_totals_.emplace_back(now_, BlindTotal());
  while (blind_totals_.size() > 1 && blind_totals_[1].first <= now_ - kLongestBlindness) {
    blind_totals_.pop_front();
  }
  if (!healed_ && climate_.closed != 0 && lots_.fleet.OneIn(40)) {
    Truth& truth = fleet_[lots_.fleet.Below(fleet_.size())];
    if (truth.enrolled && !truth.retired) {
      truth.retired = true;
      administrator_.Ask(
          {.id = truth.id, .command = static_cast<std::uint8_t>(CommandKind::kRetire)});
    }
  }
}

void World::LookAt(unsigned port) {
  LinkLife& link = links_[port];
  const auto number = static_cast<std::uint8_t>(port);
  if (!link.up && now_ >= link.returns) {
    link.up = true;
    blind_.Add(link.down_since, now_);
    // Between two looks it is known by a count alone.
    link.missed = link.missed || link.down_since == last_look_;
  }
  if (link.up) {
    engine_->port_watch().LinkUp(number, now_);
  } else {
    engine_->port_watch().LinkDown(number, last_look_);
  }
  if (std::exchange(link.missed, false)) {
    engine_->port_watch().ReportMissed(number, last_look_, now_);
  }
  // It fails after this look, and is found to have failed at the next.
  if (link.up && Strikes(lots_.ports, climate_.cuts)) {
    link.up = false;
    link.down_since = now_;
    link.returns = now_ + lots_.ports.Between(Milliseconds(1), Milliseconds(400));
  }
}

}  // namespace flatline
