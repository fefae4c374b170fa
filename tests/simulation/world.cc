#include "tests/simulation/world.h"

#include "tests/dataplane/frames.h"

#include <flatline/command_ring.h>
#include <flatline/profile.h>

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

constexpr Duration kLookEvery = Milliseconds(5);
constexpr Duration kLife = Milliseconds(2'500);
constexpr Duration kSettling = Milliseconds(1'200);
// Blindness that began before a message came may be reported after it: its stamp knows nothing of
// it.
constexpr Duration kLongestBlindness = Milliseconds(700);
constexpr std::size_t kQueueRoom = 256;
constexpr ProfileId kProfiles = 4;  // the first of them, and how many
constexpr ProfileId kFirstProfile = kFirstOwnProfile;

}  // namespace

Climate Climate::Draw(Chance& chance) {
  // Each evil is absent from some worlds, so that what it hides can be seen there.
  const auto perhaps = [&](std::uint64_t n) { return chance.OneIn(3) ? 0 : n; };
  Climate out;
  out.workers = static_cast<unsigned>(1 + chance.Below(3));
  out.ports = static_cast<unsigned>(1 + chance.Below(2));
  out.endpoints = 10 + chance.Below(70);
  out.transition_ring = chance.OneIn(4) ? 8 : 256;
  out.closed = chance.OneIn(4);
  out.loss = perhaps(3 + chance.Below(30));
  out.doubling = perhaps(4 + chance.Below(30));
  out.most_delay = chance.OneIn(3) ? Duration{1} : Milliseconds(30);
  out.wandering = perhaps(2 + chance.Below(20));
  out.stalls = perhaps(200 + chance.Below(2000));
  out.kills = perhaps(2000 + chance.Below(4000));
  out.cuts = perhaps(50 + chance.Below(400));
  out.pauses = perhaps(50 + chance.Below(200));
  out.misfortunes = perhaps(20 + chance.Below(200));
  return out;
}

Config World::ConfigOf(const Climate& climate) {
  Config config = SmallConfig(4 * climate.endpoints, climate.workers);
  config.dataplane.transition_ring = climate.transition_ring;
  config.dataplane.enrolment = climate.closed ? Enrolment::kClosed : Enrolment::kOpen;
  config.profiles[kFirstProfile] = MakeProfile("quick", Milliseconds(20), 4, Milliseconds(40));
  config.profiles[kFirstProfile + 1] = MakeProfile("slow", Milliseconds(50), 3, Milliseconds(60));
  Profile& phi = config.profiles[kFirstProfile + 2];
  phi = MakeProfile("phi", Milliseconds(20), 8, Milliseconds(40));
  phi.detector = DetectorKind::kPhi;
  phi.allowance = Milliseconds(10);
  phi.timeout = Milliseconds(200);
  Profile& chen = config.profiles[kFirstProfile + 3];
  chen = MakeProfile("chen", Milliseconds(30), 3, Milliseconds(40));
  chen.detector = DetectorKind::kChen;
  chen.allowance = Milliseconds(25);
  chen.deviations = 4;
  chen.timeout = Milliseconds(200);
  config.dataplane.default_profile = kFirstProfile;
  return config;
}

World::World(std::uint64_t seed)
    : chance_(seed),
      climate_(Climate::Draw(chance_)),
      config_(ConfigOf(climate_)),
      region_(config_, seed * 0x9E3779B97F4A7C15ULL),
      fleet_([&] {
        std::vector<Truth> fleet(climate_.endpoints);
        for (std::size_t i = 0; i < fleet.size(); ++i) {
          fleet[i].id = (seed << 16) + i + 1;
          fleet[i].profile = static_cast<ProfileId>(kFirstProfile + chance_.Below(kProfiles));
          fleet[i].next_beat = now_ + chance_.Between(Duration{0}, Milliseconds(60));
        }
        return fleet;
      }()),
      witness_(region_.view(), fleet_, blind_),
      workers_(climate_.workers),
      links_(climate_.ports) {
  for (unsigned i = 0; i < climate_.ports * climate_.workers; ++i) {
    queues_.push_back(std::make_unique<Queue>());
  }
}

Tidings World::Run() {
  Start(now_);
  if (climate_.closed) {
    Enrol();
  }
  const Instant end = now_ + kLife;
  while (now_ < end) {
    Step();
  }
  Heal();
  const Instant settled = now_ + kSettling;
  while (now_ < settled) {
    Step();
  }
  witness_.CheckSettled(now_);
  Tidings out{.faults = witness_.faults(),
              .suspicions = witness_.count(Reason::kDeadlineMissed),
              .deaths = witness_.count(Reason::kNotConfirmed) + witness_.count(Reason::kNeverHeard),
              .recoveries = witness_.count(Reason::kHeartbeatResumed),
              .adoptions = adoptions_};
  for (unsigned w = 0; w < climate_.workers; ++w) {
    const PublishedCounters& counters = region_.view().dataplane().counters[w];
    out.frames += counters[Counter::kFrames];
    out.handed_over += counters[Counter::kHandedOver];
  }
  return out;
}

// A process begins to hear: at first, or in the place of one that was killed.
void World::Start(Instant now) {
  auto engine = Engine::Create(region_.view(), {.stall = config_.dataplane.stall}, now);
  engine_ = std::move(engine.value());
  for (unsigned w = 0; w < climate_.workers; ++w) {
    for (unsigned p = 0; p < climate_.ports; ++p) {
      engine_->Attach(w, QueueOf(p, w).port.attachment(static_cast<std::uint8_t>(p)));
    }
    workers_[w] = {.next = now + chance_.Between(Duration{0}, Milliseconds(1)),
                   .received = false,
                   .clock_read = {},
                   .last_turn = now};
  }
  for (unsigned p = 0; p < climate_.ports; ++p) {
    if (!links_[p].up) {
      engine_->port_watch().LinkDown(static_cast<std::uint8_t>(p), now);
    }
    links_[p].missed = false;
  }
  last_look_ = now;
  next_look_ = now + kLookEvery;
}

void World::Step() {
  auto next = std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
    return a.next < b.next;
  });
  now_ = std::max(now_, std::min(next->next, next_look_));
  for (std::size_t i = 0; i < fleet_.size(); ++i) {
    if (fleet_[i].next_beat <= now_) {
      Beat(fleet_[i], i);
    }
  }
  DeliverDue();
  if (next_look_ <= now_) {
    Look();
    return;
  }
  const auto worker = static_cast<unsigned>(next - workers_.begin());
  if (!next->received) {
    engine_->worker(worker).Receive();
    next->received = true;
    // Stopped with frames in the hand, and no clock read.
    if (!healed_ && climate_.stalls != 0 && chance_.OneIn(climate_.stalls)) {
      next->next = now_ + chance_.Between(Milliseconds(1), Milliseconds(300));
      return;
    }
  }
  if (!next->clock_read) {
    next->clock_read = now_;
    // The worst moment to be stopped: the clock is read, and not yet used.
    if (!healed_ && climate_.stalls != 0 && chance_.OneIn(climate_.stalls)) {
      next->next = now_ + chance_.Between(Milliseconds(1), Milliseconds(300));
      return;
    }
  }
  TurnOf(worker);
}

void World::TurnOf(unsigned worker) {
  WorkerLife& life = workers_[worker];
  const Instant now = std::exchange(life.clock_read, {}).value_or(now_);
  life.received = false;
  if (now - life.last_turn > config_.dataplane.stall) {
    blind_.Add(life.last_turn, now);
  }
  life.last_turn = now;
  const std::uint64_t told_before =
      region_.view().dataplane().transition_heads[worker].value.load();
  engine_->worker(worker).Turn(now);
  if (worker == 0) {
    heard_ = Instant::max();
    for (unsigned w = 0; w < climate_.workers; ++w) {
      const std::int64_t drained = region_.view().dataplane().progress[w].drained_ns.load();
      heard_ = std::min(heard_, Instant{Duration{drained}});
    }
  }
  witness_.Read(worker, heard_, now_);
  if (now_ >= control_resumes_) {
    witness_.Release();
    TakeResults();
  }
  if (region_.view().dataplane().transition_heads[worker].value.load() != told_before) {
    last_told_worker_ = worker;
  }
  ForgetReceived(worker);
  DrawNextTurn(life);
  if (!healed_ && climate_.kills != 0 && chance_.OneIn(climate_.kills)) {
    Kill();
  }
}

void World::DrawNextTurn(WorkerLife& life) {
  life.next = now_ + chance_.Between(Duration{20'000}, Duration{800'000});
  if (!healed_ && climate_.stalls != 0 && chance_.OneIn(climate_.stalls)) {
    life.next = now_ + chance_.Between(Milliseconds(2), Milliseconds(400));
  }
}

// The frames that the worker has dealt with are no longer its queues'.
void World::ForgetReceived(unsigned worker) {
  for (unsigned port = 0; port < climate_.ports; ++port) {
    Queue& queue = QueueOf(port, worker);
    while (queue.waiting.size() > queue.port.source.waiting()) {
      queue.waiting.pop_front();
    }
  }
}

// The process is gone, and with it what it had not read from its queues; a while later another one
// adopts the region.
void World::Kill() {
  UndoUnmade();
  for (const auto& queue : queues_) {
    for (const Waiting& lost : queue->waiting) {
      std::erase_if(fleet_[lost.endpoint].deliveries, [&](const Delivery& delivery) {
        return lost.is_news && delivery.incarnation == lost.incarnation &&
               delivery.sequence == lost.sequence;
      });
    }
    queue->waiting.clear();
    queue->port.source.Clear();
  }
  for (Truth& truth : fleet_) {
    ForgetHandedOver(truth);
  }
  engine_.reset();
  ++adoptions_;
  const Instant killed = now_;
  now_ += chance_.Between(Milliseconds(1), Milliseconds(500));
  blind_.Add(killed, now_);
  std::erase_if(in_flight_, [&](const auto& message) { return message.first <= now_; });
  Start(now_);
}

// What one worker had handed to another is lost as well: whatever was to begin a life (the first,
// or one after a leave), and leaves.
void World::ForgetHandedOver(Truth& truth) {
  std::vector<Delivery>& deliveries = truth.deliveries;
  if (!truth.enrolled && witness_.Believes(truth.id, Liveness::kUnknown)) {
    deliveries.clear();
  }
  const bool is_known_left = witness_.Believes(truth.id, Liveness::kLeft);
  while (!deliveries.empty() && deliveries.back().is_leave != is_known_left) {
    deliveries.pop_back();
  }
}

// Half of the time the kill came between the last verdict's telling and its making: the record is
// put back to what it was.
void World::UndoUnmade() {
  const auto worker = static_cast<unsigned>(last_told_worker_);
  const std::uint64_t head = region_.view().dataplane().transition_heads[worker].value.load();
  if (head == 0 || chance_.OneIn(2)) {
    return;
  }
  const auto entries = region_.view().transitions(worker);
  const Transition& last = entries[(head - 1) & (entries.size() - 1)];
  if (last.reason != Reason::kDeadlineMissed && last.reason != Reason::kNotConfirmed &&
      last.reason != Reason::kNeverHeard && last.reason != Reason::kHeartbeatResumed) {
    return;
  }
  EndpointRecord& record = region_.view().records()[last.slot];
  EndpointState state = EndpointState::Unpack(record.state.load());
  if (record.id.load() == last.id && state.liveness == last.liveness) {
    state.liveness = static_cast<Liveness>(last.from);
    record.state.store(state.Pack());
  }
}

void World::Beat(Truth& truth, std::size_t endpoint) {
  const Profile& profile = config_.profiles[truth.profile];
  truth.next_beat = now_ + chance_.Between(profile.interval * 8 / 10, profile.interval * 12 / 10);
  if (!healed_ && climate_.misfortunes != 0 && chance_.OneIn(climate_.misfortunes)) {
    TurnOfFate(truth);
  }
  const bool leaves_now = truth.left && truth.beats;
  if (!truth.beats) {
    return;
  }
  truth.beats = !leaves_now;
  Send(endpoint,
       {.id = truth.id,
        .incarnation = truth.incarnation,
        .sequence = ++truth.sequence,
        .profile = truth.profile,
        .kind = leaves_now ? HeartbeatKind::kLeave : HeartbeatKind::kHeartbeat,
        .health = truth.health,
        .wants_acknowledgement = chance_.OneIn(4)});
}

void World::TurnOfFate(Truth& truth) {
  if (!truth.beats) {  // comes back: the same life, unless it had left
    truth.beats = true;
    if (truth.left || chance_.OneIn(2)) {
      ++truth.incarnation;
      truth.sequence = 0;
      truth.left = false;
    }
    return;
  }
  switch (chance_.Below(5)) {
    case 0:
      truth.left = true;  // its next message says so
      break;
    case 1:
      ++truth.incarnation;
      truth.sequence = 0;
      break;
    case 2:
      truth.health = truth.health == Health::kReady ? Health::kDegraded : Health::kReady;
      break;
    default:
      truth.beats = false;
  }
}

void World::Send(std::size_t endpoint, const Heartbeat& heartbeat) {
  const std::uint64_t copies =
      !healed_ && climate_.doubling != 0 && chance_.OneIn(climate_.doubling) ? 2 : 1;
  for (std::uint64_t i = 0; i < copies; ++i) {
    if (healed_ || climate_.loss == 0 || !chance_.OneIn(climate_.loss)) {
      const Duration delay = chance_.Between(Duration{0}, climate_.most_delay);
      in_flight_.emplace(now_ + delay, Message{.endpoint = endpoint, .heartbeat = heartbeat});
    }
  }
}

void World::DeliverDue() {
  while (!in_flight_.empty() && in_flight_.begin()->first <= now_) {
    Deliver(in_flight_.begin()->second);
    in_flight_.erase(in_flight_.begin());
  }
}

void World::Deliver(const Message& message) {
  const auto port = static_cast<unsigned>(message.endpoint % climate_.ports);
  auto worker = static_cast<unsigned>(message.endpoint / 2 % climate_.workers);
  if (climate_.wandering != 0 && chance_.OneIn(climate_.wandering)) {
    worker = static_cast<unsigned>(chance_.Below(climate_.workers));
  }
  Queue& queue = QueueOf(port, worker);
  if (!links_[port].up) {
    return;
  }
  if (queue.waiting.size() >= kQueueRoom) {
    links_[port].missed = true;
    return;
  }
  Truth& truth = fleet_[message.endpoint];
  const Heartbeat& heartbeat = message.heartbeat;
  const bool is_leave = heartbeat.kind == HeartbeatKind::kLeave;
  // A leave enrols nobody.
  const bool is_watched =
      truth.enrolled || (!climate_.closed && !(is_leave && truth.deliveries.empty()));
  const bool is_news = is_watched && truth.IsNews(heartbeat.incarnation, heartbeat.sequence);
  if (is_news) {
    truth.deliveries.push_back({.at = now_,
                                .blind_total = BlindTotalBefore(),
                                .incarnation = heartbeat.incarnation,
                                .sequence = heartbeat.sequence,
                                .is_leave = is_leave});
  }
  queue.waiting.push_back({.endpoint = message.endpoint,
                           .is_news = is_news,
                           .incarnation = heartbeat.incarnation,
                           .sequence = heartbeat.sequence});
  queue.port.source.Put(testing_frames::HeartbeatFrame(heartbeat));
}

// The watch over the ports, every few milliseconds; and what else happens now and then.
void World::Look() {
  for (unsigned port = 0; port < climate_.ports; ++port) {
    LookAt(port);
  }
  last_look_ = now_;
  next_look_ = now_ + kLookEvery;
  blind_totals_.emplace_back(now_, BlindTotal());
  while (blind_totals_.size() > 1 && blind_totals_[1].first <= now_ - kLongestBlindness) {
    blind_totals_.pop_front();
  }
  if (!healed_ && climate_.pauses != 0 && chance_.OneIn(climate_.pauses)) {
    control_resumes_ = now_ + chance_.Between(Milliseconds(5), Milliseconds(200));
  }
  if (!healed_ && climate_.closed && chance_.OneIn(40)) {
    Truth& truth = fleet_[chance_.Below(fleet_.size())];
    if (truth.enrolled && !truth.retired) {
      truth.retired = true;
      SendCommand({.id = truth.id, .kind = CommandKind::kRetire});
    }
  }
}

void World::LookAt(unsigned port) {
  LinkLife& link = links_[port];
  const auto number = static_cast<std::uint8_t>(port);
  if (!link.up && now_ >= link.returns) {
    link.up = true;
    blind_.Add(link.down_since, now_);
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
  if (!healed_ && link.up && climate_.cuts != 0 && chance_.OneIn(climate_.cuts)) {
    link.up = false;
    link.down_since = now_;
    link.returns = now_ + chance_.Between(Milliseconds(1), Milliseconds(400));
  }
}

// Most of the fleet; the rest is unknown and dropped.
void World::Enrol() {
  for (Truth& truth : fleet_) {
    if (!chance_.OneIn(10)) {
      truth.enrolled = true;
      truth.enrolled_at = now_;
      truth.beats = !chance_.OneIn(8);
      SendCommand({.id = truth.id, .profile = truth.profile, .kind = CommandKind::kEnrol});
    }
  }
}

void World::SendCommand(const Command& command) {
  const RegionView& view = region_.view();
  const unsigned owner =
      ShardOf(HashEndpoint(command.id, view.header().hash_key), climate_.workers);
  SharedRing<Command> ring(view.control().command_heads[owner],
                           view.dataplane().command_tails[owner],
                           view.commands(owner));
  Command out = command;
  out.ticket = ++tickets_;
  static_cast<void>(ring.TryPush(out));  // 16,384 entries, for at most 160 commands
}

void World::TakeResults() {
  const RegionView& view = region_.view();
  for (unsigned w = 0; w < climate_.workers; ++w) {
    SharedRing<CommandResult> ring(
        view.dataplane().result_heads[w], view.control().result_tails[w], view.results(w));
    while (const CommandResult* result = ring.Front()) {
      static_cast<void>(result);
      ring.PopFront();
    }
  }
}

void World::Heal() {
  healed_ = true;
  control_resumes_ = now_;
  for (LinkLife& link : links_) {
    link.returns = now_;
  }
}

Duration World::BlindTotal() const {
  return Duration{region_.view().header().blind_total_ns.load()};
}

// As of a while ago.
Duration World::BlindTotalBefore() const {
  return blind_totals_.empty() ? Duration{0} : blind_totals_.front().second;
}

}  // namespace flatline
