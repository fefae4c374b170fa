#include "tests/simulation/world.h"

#include "tests/simulation/allocation_watch.h"

#include <flatline/profile.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace flatline {
namespace {

constexpr Duration kLookEvery = Milliseconds(5);
constexpr Duration kLongestAsking = Milliseconds(60'000);
constexpr Duration kSettling = Milliseconds(1'200);
// A disk that refused is asked again after a second.
constexpr Duration kSettlingOfADisk = Milliseconds(2'400);
// Steps in which what has been told reaches everybody, once nothing happens any more.
constexpr int kStepsToBeHeard = 200'000;
constexpr ProfileId kProfiles = 5;  // the first of them, and how many
constexpr ProfileId kProfilesWithProbes = 7;
constexpr ProfileId kFirstProfile = kFirstOwnProfile;

}  // namespace

World::Lots::Lots(std::uint64_t seed)
    : fleet(seed * 8 + 1),
      network(seed * 8 + 2),
      turns(seed * 8 + 3),
      stalls(seed * 8 + 4),
      ends(seed * 8 + 5),
      ports(seed * 8 + 6),
      audience(seed * 8 + 7),
      leases(~seed) {}

Climate World::ClimateOf(std::uint64_t seed) {
  Chance chance(seed * 8);
  return Climate::Draw(chance);
}

Config World::ConfigOf(const Climate& climate) {
  Config config = SmallConfig(4 * climate.endpoints, static_cast<std::uint32_t>(climate.workers));
  config.dataplane.transition_ring = static_cast<std::uint32_t>(climate.transition_ring);
  config.dataplane.enrolment = climate.closed != 0 ? Enrolment::kClosed : Enrolment::kOpen;
  // Fewer than are asked for: each endpoint has its own besides the two that all want.
  config.dataplane.leases = climate.leases != 0 ? 6 : 0;
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
  Profile& weighs = config.profiles[kFirstProfile + 4];
  weighs = MakeProfile("weighs", Milliseconds(20), 4, Milliseconds(100));
  weighs.least_confirmation = Milliseconds(10);
  config.dataplane.default_profile = kFirstProfile;
  config.guard = {.fleet_share_ppm = (climate.guards & 1U) != 0 ? 500'000U : 0U,
                  .least_endpoints = 5,
                  .window = Milliseconds(2'000),
                  .release_after = Milliseconds(300),
                  .group_share_ppm = (climate.guards & 2U) != 0 ? 500'000U : 0U,
                  .group_least_endpoints = 3};
  if (climate.probes != 0) {
    Profile& asked = config.profiles[kFirstProfile + 5];
    asked = MakeProfile("asked", Milliseconds(20), 4, Milliseconds(60));
    Profile& pulled = config.profiles[kFirstProfile + 6];
    pulled = MakeProfile("pulled", Milliseconds(30), 3, Milliseconds(60));
    pulled.pull = 1;
    for (Profile* const own : {&asked, &pulled}) {
      own->probe = ProbeKind::kNative;
      own->probes = 3;
    }
  }
  return config;
}

World::World(std::uint64_t seed, const Climate& climate)
    : seed_(seed),
      climate_(climate),
      lots_(seed),
      config_(ConfigOf(climate_)),
      region_(config_, HashKey()),
      fleet_([&] {
        std::vector<Truth> fleet(climate_.endpoints);
        const ProfileId profiles = climate_.probes != 0 ? kProfilesWithProbes : kProfiles;
        for (std::size_t i = 0; i < fleet.size(); ++i) {
          fleet[i].id = (seed << 16) + i + 1;
          fleet[i].profile = static_cast<ProfileId>(kFirstProfile + lots_.fleet.Below(profiles));
          fleet[i].next_beat = now_ + lots_.fleet.Between(Duration{0}, Milliseconds(60));
        }
        return fleet;
      }()),
      witness_(region_.view(), fleet_, blind_),
      workers_(climate_.workers),
      links_(climate_.ports),
      ledger_(region_.view(), kWall, digest_),
      holders_(climate_.endpoints, seed, kLongestTerm),
      control_(region_.view(), climate_, seed * 8 + 1, ledger_),
      administrator_(seed * 8 + 2) {
  for (unsigned i = 0; i < climate_.ports * climate_.workers; ++i) {
    queues_.push_back(std::make_unique<Queue>());
  }
  for (unsigned i = 0; i < climate_.subscribers; ++i) {
    const auto nature = static_cast<SimulatedSubscriber::Nature>((seed + i) % 4);
    subscribers_.push_back(
        std::make_unique<SimulatedSubscriber>(nature, i, seed * 8 + 3 + i, climate_, ledger_));
  }
}

Tidings World::Run() {
  Start(now_);
  control_.Start(now_);
  if (climate_.closed != 0) {
    Enrol();
  }
  const Instant end = now_ + Milliseconds(static_cast<std::int64_t>(climate_.life_ms));
  while (now_ < end) {
    Step();
  }
  Heal();
  // Byte by byte, what was asked for may take longer than all else; a silence begins with it.
  for (const Instant longest = now_ + kLongestAsking;
       now_ < longest && !administrator_.has_all();) {
    Step();
  }
  const Instant settled = now_ + (climate_.disk_troubles != 0 ? kSettlingOfADisk : kSettling);
  while (now_ < settled) {
    Step();
  }
  witness_.CheckSettled(now_);
  witness_.CheckPayloads();
  Settle();
  return Tell();
}

// Nothing is decided any more; what was, is to reach everybody.
void World::Settle() {
  for (int i = 0; i < kStepsToBeHeard && !IsEverythingHeard(); ++i) {
    now_ += Milliseconds(1);
    StepOfControl();
  }
  ledger_.CheckComplete();
  if (!IsEverythingHeard()) {
    faults_.emplace_back("not everything that was told has been heard");
  }
}

bool World::IsEverythingHeard() const {
  const RegionView& view = region_.view();
  for (unsigned w = 0; w < climate_.workers; ++w) {
    if (view.control().transition_tails[w].value.load() !=
        view.dataplane().transition_heads[w].value.load()) {
      return false;
    }
  }
  return std::ranges::all_of(subscribers_, [](const auto& one) { return one->has_all(); });
}

Tidings World::Tell() {
  const auto add = [this](const std::vector<std::string>& faults) {
    faults_.insert(faults_.end(), faults.begin(), faults.end());
  };
  add(witness_.faults());
  add(witness_.guards().faults());
  add(ledger_.faults());
  add(holders_.faults());
  add(lease_witness_.faults());
  add(control_.faults());
  add(administrator_.faults());
  Tidings out{
      .faults = {},
      .suspicions = witness_.count(Reason::kDeadlineMissed),
      .deaths = witness_.count(Reason::kNotConfirmed) + witness_.count(Reason::kNeverHeard) +
                witness_.count(Reason::kProbeUnanswered) + witness_.count(Reason::kCorroborated),
      .corroborated = witness_.count(Reason::kCorroborated),
      .suppressed = ledger_.suppressed(),
      .recoveries =
          witness_.count(Reason::kHeartbeatResumed) + witness_.count(Reason::kProbeAnswered),
      .answers = answers_,
      .adoptions = adoptions_,
      .journaled = ledger_.newest(),
      .control_deaths = control_.deaths(),
      .power_cuts = power_cuts_,
      .tenures = holders_.tenures(),
      .holds = witness_.guards().holds()};
  for (const auto& subscriber : subscribers_) {
    add(subscriber->faults());
    out.snapshots += subscriber->snapshots();
    out.lease_rows += subscriber->lease_rows();
    out.scales += subscriber->scales();
    out.eased += subscriber->eased();
    digest_.Add(subscriber->heard());
  }
  for (unsigned w = 0; w < climate_.workers; ++w) {
    const PublishedCounters& counters = region_.view().dataplane().counters[w];
    out.frames += counters[Counter::kFrames];
    out.handed_over += counters[Counter::kHandedOver];
  }
  out.digest = digest_.value();
  out.faults = std::move(faults_);
  return out;
}

// A process begins to hear: at first, or in the place of one that was killed.
void World::Start(Instant now) {
  auto engine = Engine::Create(
      region_.view(),
      {.stall = config_.dataplane.stall,
       .probe_key = {seed_, adoptions_ + 1},
       .leases = {.epoch = lease_epoch_, .longest = kLongestTerm, .wait = lease_wait_}},
      now);
  engine_ = std::move(engine.value());
  for (unsigned w = 0; w < climate_.workers; ++w) {
    for (unsigned p = 0; p < climate_.ports; ++p) {
      engine_->Attach(w, QueueOf(p, w).port.attachment(static_cast<std::uint8_t>(p)));
    }
    workers_[w] = {.next = now + lots_.turns.Between(Duration{0}, Milliseconds(1)),
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
  now_ = std::max(now_, std::min({next->next, next_look_, next_control_}));
  for (std::size_t i = 0; i < fleet_.size(); ++i) {
    if (fleet_[i].next_beat <= now_) {
      Beat(fleet_[i], i);
    }
  }
  DeliverDue();
  if (next_look_ <= now_) {
    Look();
    next_look_ = now_ + kLookEvery;
    return;
  }
  if (next_control_ <= now_) {
    StepOfControl();
    return;
  }
  const auto worker = static_cast<unsigned>(next - workers_.begin());
  if (!next->received) {
    engine_->worker(worker).Receive();
    next->received = true;
    if (IsStoppedAtTheWorstMoment(*next)) {  // with frames in the hand, and no clock read
      return;
    }
  }
  if (!next->clock_read) {
    next->clock_read = now_;
    if (IsStoppedAtTheWorstMoment(*next)) {  // the clock is read, and not yet used
      return;
    }
  }
  TurnOf(worker);
}

bool World::IsStoppedAtTheWorstMoment(WorkerLife& life) {
  if (!Strikes(lots_.stalls, climate_.stalls)) {
    return false;
  }
  life.next = now_ + lots_.stalls.Between(Milliseconds(1), Milliseconds(300));
  return true;
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
  witness_.BeforeTurn(now_);
  {
    const AllocationWatch watch;
    engine_->worker(worker).Turn(now);
    if (watch.count() != 0) {
      faults_.emplace_back("a worker took memory in its turn");
    }
  }
  if (worker == 0) {
    heard_ = Instant::max();
    for (unsigned w = 0; w < climate_.workers; ++w) {
      const std::int64_t drained = region_.view().dataplane().progress[w].drained_ns.load();
      heard_ = std::min(heard_, Instant{Duration{drained}});
    }
  }
  witness_.Read(worker, heard_, now_);
  ledger_.ReadRing(worker);
  holders_.ReadRing(region_.view(), worker);
  lease_witness_.Read(region_.view(), worker);
  TakeResults(worker, now);
  LearnHandles(worker);
  AnswerQuestions(worker, now);
  TakeGrants(worker);
  digest_.Add(static_cast<std::uint64_t>(now_.time_since_epoch().count()) + worker);
  if (region_.view().dataplane().transition_heads[worker].value.load() != told_before) {
    last_told_worker_ = worker;
  }
  ForgetReceived(worker);
  DrawNextTurn(life);
  if (Strikes(lots_.ends, climate_.kills)) {
    Kill();
  }
}

void World::DrawNextTurn(WorkerLife& life) {
  life.next = now_ + lots_.turns.Between(Duration{20'000}, Duration{800'000});
  if (Strikes(lots_.stalls, climate_.stalls)) {
    life.next = now_ + lots_.stalls.Between(Milliseconds(2), Milliseconds(400));
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

void World::StepOfControl() {
  control_.Step(now_, Wall());
  if (!subscribers_.empty()) {
    subscribers_[lots_.audience.Below(subscribers_.size())]->Step(control_, now_);
  }
  administrator_.Step(control_, now_);
  next_control_ = now_ + lots_.audience.Between(Duration{50'000}, Duration{1'000'000});
  if (Strikes(lots_.ends, climate_.power_cuts)) {
    LosePower();
  }
}

void World::Heal() {
  healed_ = true;
  for (LinkLife& link : links_) {
    link.returns = now_;
  }
  control_.Heal();
  for (const auto& subscriber : subscribers_) {
    subscriber->Heal();
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
