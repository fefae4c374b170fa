// A storm of deaths with the dataplane as its witness: a real worker, by the wall's clock and with
// the idle policy of the product, over a region that control beside it has joined. DEATHS endpoints
// were all last heard at one instant and are never heard again; fifty thousand others go on beating
// once a second through a queue of 4,096 frames that loses what does not fit. A hundred subscribers
// are to be told each death, in order, none twice; of the heartbeats none may be lost, and none of
// those who beat be suspected. Before, a worker is held up, to show that a loss would be seen.
// `storm_bench DIRECTORY PORT [DEATHS]`, started by bench/crowd.py. Prints rows. On the same cores:
// worker, control, publisher, and the thread that plays all subscribers.
#include "bench/crowd.h"
#include "bench/paced_fleet.h"
#include "bench/pieces.h"
#include "dataplane/engine.h"
#include "dataplane/idle.h"
#include "dataplane/shared_region.h"

#include <flatline/check.h>
#include <flatline/config.h>
#include <flatline/delivery.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace flatline {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kBeating = 50'000;
constexpr std::size_t kSubscribers = 100;
constexpr ProfileId kProfile = 2;  // database: suspect after 3 s, dead after 4
constexpr auto kJoins = std::chrono::milliseconds(500);  // control looks for a region every 100
constexpr auto kMost = std::chrono::seconds(60);

std::int64_t WallNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Instant Now() {
  return Instant{std::chrono::duration_cast<Duration>(Clock::now().time_since_epoch())};
}

class NoSink final : public FrameSink {
 public:
  std::byte* Claim() noexcept override { return nullptr; }

  void Commit(std::uint32_t) noexcept override {}

  std::size_t Flush() noexcept override { return 0; }
};

// The worker and its thread.
class Witness {
 public:
  Witness(const RegionView& region, std::uint64_t deaths)
      : region_(region), fleet_(deaths + 1, kBeating) {
    const Instant now = Now();
    for (std::uint64_t i = 0; i < deaths + kBeating; ++i) {
      EndpointRecord& record = region.records()[i];
      record.heard = Heard{StampOf(HearingInstant{now.time_since_epoch()}), 0}.Pack();
      record.incarnation = 1;
      record.state = EndpointState{Liveness::kAlive, Health::kReady, kProfile}.Pack();
      record.id = i + 1;
    }
    engine_ = std::move(Engine::Create(region, {}, now).value());
    identity_.mac = {2, 0, 0, 0, 0, 1};
    identity_.udp_port = kHeartbeatPort;
    engine_->Attach(0, {.source = &fleet_, .sink = &sink_, .identity = &identity_});
    thread_ = std::thread([this] { Poll(); });
  }

  ~Witness() {
    stop_.store(true);
    thread_.join();
  }

  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  void HoldUp() { holds_up_.store(true); }

  // Those that came and do not count. To be asked when no more come and all is taken.
  std::uint64_t Lost() {
    ends_.store(true);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // taken, counted and published
    const std::uint64_t counted = region_.dataplane().counters[0][Counter::kHeartbeats];
    sent_ = fleet_.sent();
    FLATLINE_CHECK(counted <= sent_);
    return sent_ - counted;
  }

  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  void Poll() {
    Worker& worker = engine_->worker(0);
    Idle idle(IdleMode::kAdaptive);
    bool has_ended = false;
    while (!stop_.load(std::memory_order_relaxed)) {
      if (ends_.load(std::memory_order_relaxed) && !has_ended) {
        fleet_.End();
        has_ended = true;
      }
      if (holds_up_.exchange(false)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
      worker.Receive();
      const TurnOutcome outcome = worker.Turn(Now());
      if (idle.After(outcome.frames > 0 || outcome.more) == Idle::Action::kNap) {
        std::this_thread::sleep_for(Idle::kNap);
      }
    }
  }

  RegionView region_;
  PacedFleet fleet_;
  NoSink sink_;
  PortIdentity identity_;
  std::unique_ptr<Engine> engine_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ends_{false};
  std::atomic<bool> holds_up_{false};
  std::uint64_t sent_ = 0;
  std::thread thread_;
};

// Who hear of deaths alone; and one who hears of every suspicion too, and knows of whom there is
// nothing to be heard.
class Audience {
 public:
  Audience(std::uint16_t port, std::uint64_t deaths)
      : deaths_(deaths), left_(deaths * kSubscribers), told_(kSubscribers) {
    DeliveryRequest request;
    request.liveness_mask = 1U << static_cast<unsigned>(Liveness::kDead);
    for (std::size_t i = 0; i <= kSubscribers; ++i) {
      request.liveness_mask = i == kSubscribers ? 0xFF : request.liveness_mask;
      crowd_.Join(port, std::as_bytes(std::span{&request, 1}), sizeof(DeliveryRecord));
    }
    deaths_in_order_.reserve(deaths);
  }

  void Listen() {
    const auto end = Clock::now() + kMost;
    while (left_ != 0 || observed_ != 2 * deaths_) {
      FLATLINE_CHECK(Clock::now() < end);
      crowd_.Take(100, [this](std::size_t who, std::span<const std::byte> bytes) {
        pieces_[who].Take(bytes, [&](const DeliveryRecord& record) { Hear(who, record); });
      });
      ended_ = left_ == 0 && ended_ == 0 ? WallNow() : ended_;
    }
  }

  // From the first verdict to the last subscriber's last record.
  [[nodiscard]] double seconds() const { return static_cast<double>(ended_ - began_) / 1e9; }

 private:
  struct Told {
    std::uint64_t sequence = 0;
    std::size_t deaths = 0;
  };

  void Hear(std::size_t who, const DeliveryRecord& record) {
    FLATLINE_CHECK(record.kind != RecordKind::kGap && record.kind != RecordKind::kError);
    if (record.kind != RecordKind::kLiveness) {
      return;
    }
    FLATLINE_CHECK(record.endpoint <= deaths_);  // nobody who beats is suspected
    if (who == kSubscribers) {
      ++observed_;
      return;
    }
    Told& told = told_[who];
    FLATLINE_CHECK(record.sequence > told.sequence);
    told.sequence = record.sequence;
    FLATLINE_CHECK(record.to == static_cast<std::uint8_t>(Liveness::kDead));
    // The first to hear of one has to hear of him for the first time, all others the same.
    if (told.deaths == deaths_in_order_.size()) {
      FLATLINE_CHECK(!is_dead_[record.endpoint]);
      is_dead_[record.endpoint] = true;
      deaths_in_order_.push_back(record.endpoint);
      began_ = std::min(began_, record.at_ns);
    }
    FLATLINE_CHECK(deaths_in_order_[told.deaths++] == record.endpoint);
    --left_;
  }

  std::uint64_t deaths_;
  std::uint64_t left_;
  std::uint64_t observed_ = 0;
  std::int64_t began_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t ended_ = 0;
  std::vector<EndpointId> deaths_in_order_;
  std::vector<bool> is_dead_ = std::vector<bool>(deaths_ + 1);
  std::vector<Told> told_;
  std::vector<Pieces> pieces_{kSubscribers + 1};
  Crowd crowd_;
};

void Run(const std::string& directory, std::uint16_t port, std::uint64_t deaths) {
  Config config = DefaultConfig();
  config.region_directory = directory;
  config.dataplane.endpoints = deaths + kBeating;
  config.guard.fleet_share_ppm = 0;  // it would hold back what is to be told here
  const auto region = SharedRegion::Open(config, true, WallInstant{Duration{WallNow()}});
  FLATLINE_CHECK(region);
  std::this_thread::sleep_for(kJoins);
  Audience audience(port, deaths);
  Witness witness(region->view(), deaths);
  audience.Listen();
  const std::uint64_t lost = witness.Lost();
  std::printf("delivery.storm_beside_dataplane_seconds %.3g s\n", audience.seconds());
  std::printf("delivery.storm_heartbeats %zu 1\n", static_cast<std::size_t>(witness.sent()));
  std::printf("delivery.storm_heartbeats_lost %zu 1\n", static_cast<std::size_t>(lost));
}

// That the witness would see a loss: held up for longer than the queue lasts, it tells of one.
void TryTheWitness(const std::string& directory) {
  Config config = DefaultConfig();
  config.region_directory = directory;
  config.instance = "held-up";
  config.dataplane.endpoints = kBeating;
  const auto region = SharedRegion::Open(config, true, WallInstant{Duration{WallNow()}});
  FLATLINE_CHECK(region);
  Witness witness(region->view(), 0);
  std::this_thread::sleep_for(kJoins);
  witness.HoldUp();
  std::this_thread::sleep_for(kJoins);
  FLATLINE_CHECK(witness.Lost() > 0);
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  if (count != 3 && count != 4) {
    std::fputs("usage: storm_bench DIRECTORY PORT [DEATHS]\n", stderr);
    return 2;
  }
  flatline::TryTheWitness(arguments[1]);
  flatline::Run(arguments[1],
                static_cast<std::uint16_t>(std::atoi(arguments[2])),
                count == 4 ? std::strtoull(arguments[3], nullptr, 10) : 1'000'000);
  return 0;
}
