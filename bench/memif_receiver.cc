#include "bench/memif_receiver.h"

#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/memif_relay.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/tsc_clock.h"
#include "dataplane/engine.h"
#include "dataplane/page_array.h"
#include "dataplane/shared_region.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <system_error>
#include <time.h>
#include <utility>
#include <vector>

namespace flatline {
namespace {

constexpr double kWindow = 0.2;        // seconds of a core
constexpr double kShortWindow = 0.01;  // for a fleet that measures nothing: a smoke run
constexpr std::size_t kLeastFleet = 1'000'000;
constexpr std::size_t kWindows = 3;
constexpr unsigned kTurnsBetweenLooks = 64;  // at the clock of the thread
constexpr std::uint64_t kMemory = std::uint64_t{64} << 20;

// What this thread has had of a core: a rate per core does not depend on who else is about.
double CoreSeconds() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) / 1e9;
}

Config ConfigFor(std::uint64_t endpoints, const MemifLine& line) {
  Config config;
  config.instance = line.socket;
  config.dataplane.endpoints = endpoints;
  config.dataplane.memory = kMemory;
  for (std::size_t i = 0; i < kBuiltInProfiles.size(); ++i) {
    config.profiles[kFirstBuiltInProfile + i] = kBuiltInProfiles[i];
  }
  PortConfig& port = config.ports.emplace_back();
  port.device = line.sender_serves
                    ? fmt::format("net_memif0,role=client,id=0,socket={},rsize={},zero-copy=yes",
                                  line.socket,
                                  line.log2_slots)
                    : fmt::format("net_memif0,role=server,id=0,socket={}", line.socket);
  port.promiscuous = true;
  return config;
}

double Median(std::array<double, kWindows> rates) {
  std::ranges::sort(rates);
  return rates[kWindows / 2];
}

// The port as the dataplane has it: behind its relay, on EAL's memory.
class Wire {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Wire>, std::string> Create(
      const Config& config) {
    auto wire = std::make_unique<Wire>();
    auto device = dpdk::DeviceString::Parse(config.ports[0].device);
    auto relay = dpdk::MemifRelay::Create(*device, config.instance, 0);
    if (!relay) {
      return std::unexpected(relay.error());
    }
    wire->relay_ = std::move(*relay);
    auto plan = dpdk::PlanEal(config, {device->Text()}, dpdk::LookAtHost(), {});
    if (!plan) {
      return std::unexpected(plan.error());
    }
    auto eal = dpdk::Eal::Start(config, std::move(*plan));
    if (!eal) {
      return std::unexpected(eal.error());
    }
    wire->eal_.emplace(std::move(*eal));
    auto port = dpdk::Port::Create({.config = config.ports[0], .gate = &wire->relay_->gate()});
    if (!port) {
      return std::unexpected(port.error());
    }
    wire->port_ = std::move(*port);
    wire->relay_->Start({.link_is_up = [own = wire->port_.get()] { return own->link_is_up(); },
                         .restart = [own = wire->port_.get()] { own->Restart(); }});
    return wire;
  }

  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // The peer is sent away before its device goes, the device before EAL.
  ~Wire() {
    if (relay_ != nullptr) {
      relay_->Stop();
    }
    port_.reset();
  }

  [[nodiscard]] dpdk::Port::Queue& queue() const { return *port_->queues()[0]; }

  [[nodiscard]] const PortIdentity& identity() const { return port_->identity(); }

 private:
  std::unique_ptr<dpdk::MemifRelay> relay_;
  std::optional<dpdk::Eal> eal_;
  std::unique_ptr<dpdk::Port> port_;
};

class Receiver {
 public:
  Receiver(MemifFleet& fleet, const Config& config, Wire& wire, PageArray<std::byte> memory)
      : fleet_(fleet),
        wire_(wire),
        memory_(std::move(memory)),
        region_(FormatRegion(
            memory_.data(), ShapeFor(config.dataplane, kSmallPage), config, WallInstant{}, 0x5EED)),
        window_(fleet.members().size() < kLeastFleet ? kShortWindow : kWindow) {}

  [[nodiscard]] std::expected<void, std::string> Start() {
    auto engine = Engine::Create(region_, {}, clock_.Now());
    if (!engine) {
      return std::unexpected(engine.error());
    }
    engine_ = std::move(*engine);
    engine_->Attach(
        0, {.source = &wire_.queue().rx, .sink = &wire_.queue().tx, .identity = &wire_.identity()});
    return {};
  }

  // Everybody speaks for the first time, and learns where its record is.
  void Enrol() {
    Order(LoadOrder::kById);
    while (taken_ < fleet_.members().size()) {
      Turn();
    }
    Order(LoadOrder::kWait);
    std::vector<Slot> slot_of(fleet_.members().size() + 1, kNoSlot);
    for (Slot slot = 0; slot < region_.records().size(); ++slot) {
      const EndpointId id = region_.records()[slot].id;
      if (id != kNoEndpoint && id < slot_of.size()) {
        slot_of[id] = slot;
      }
    }
    fleet_.SetHandles(slot_of);
  }

  // In turns, so that what disturbs one disturbs the others.
  [[nodiscard]] MemifRates Measure() {
    std::array<double, kWindows> counted{};
    std::array<double, kWindows> by_handle{};
    std::array<double, kWindows> by_index{};
    for (std::size_t i = 0; i < kWindows; ++i) {
      Order(LoadOrder::kByHandle);
      counted[i] = Window([this] { Count(); });
      by_handle[i] = Window([this] { Turn(); });
      Order(LoadOrder::kById);
      by_index[i] = Window([this] { Turn(); });
    }
    Order(LoadOrder::kWait);
    return {
        .counted = Median(counted), .by_handle = Median(by_handle), .by_index = Median(by_index)};
  }

  // That a loss would have been seen: frames with a wrong checksum are missing among the
  // heartbeats, all of them and nothing else.
  [[nodiscard]] std::expected<void, std::string> Account() {
    const std::uint64_t before = fleet_.accepted().load(std::memory_order_acquire);
    Order(LoadOrder::kSpoilt);
    Order(LoadOrder::kWait);
    const std::uint64_t spoilt = fleet_.accepted().load(std::memory_order_acquire) - before;
    Order(LoadOrder::kLeave);
    const std::uint64_t published = Sum(Counter::kTurns);
    while (Sum(Counter::kTurns) == published) {  // until housekeeping has published the rest
      Turn();
    }
    const std::uint64_t heartbeats = Sum(Counter::kHeartbeats);
    std::uint64_t dropped = 0;
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      dropped += counters()[static_cast<DropReason>(i)];
    }
    if (spoilt == 0 || heartbeats + counted_ != before || dropped != spoilt ||
        counters()[DropReason::kBadUdpChecksum] != spoilt || Sum(Counter::kStaleHandle) != 0) {
      return std::unexpected(fmt::format(
          "needed {} good heartbeats and {} spoilt ones, found {} that counted, {} taken by the "
          "counting alone, {} dropped (of these {} for their checksum), {} handles not right",
          before,
          spoilt,
          heartbeats,
          counted_,
          dropped,
          counters()[DropReason::kBadUdpChecksum],
          Sum(Counter::kStaleHandle)));
    }
    return {};
  }

 private:
  // Until the sender obeys: everything sent under the order before has been taken then.
  void Order(LoadOrder order) {
    fleet_.order().store(order, std::memory_order_release);
    while (fleet_.obeyed().load(std::memory_order_acquire) != order) {
      Turn();
    }
  }

  template <typename Step>
  double Window(const Step& step) {
    const std::uint64_t before = taken_;
    const double begin = CoreSeconds();
    double end = begin;
    while (end - begin < window_) {
      for (unsigned turn = 0; turn < kTurnsBetweenLooks; ++turn) {
        step();
      }
      end = CoreSeconds();
    }
    return static_cast<double>(taken_ - before) / (end - begin);
  }

  // As the poll loop does; and control takes at once what was published.
  void Turn() {
    engine_->worker(0).Receive();
    const TurnOutcome outcome = engine_->worker(0).Turn(clock_.Now());
    const std::uint64_t head = region_.dataplane().transition_heads[0].value;
    region_.control().transition_tails[0].value = head;
    Took(outcome.frames);
  }

  void Count() {
    const std::size_t frames = wire_.queue().rx.Receive().size();
    wire_.queue().rx.Release();
    counted_ += frames;
    Took(frames);
  }

  void Took(std::size_t frames) {
    if (frames > 0) {
      taken_ += frames;
      fleet_.taken().store(taken_, std::memory_order_release);
    }
  }

  [[nodiscard]] const PublishedCounters& counters() const {
    return region_.dataplane().counters[0];
  }

  [[nodiscard]] std::uint64_t Sum(Counter counter) const { return counters()[counter]; }

  MemifFleet& fleet_;
  Wire& wire_;
  PageArray<std::byte> memory_;
  RegionView region_;
  dpdk::TscClock clock_;
  std::unique_ptr<Engine> engine_;
  double window_;
  std::uint64_t taken_ = 0;
  std::uint64_t counted_ = 0;
};

}  // namespace

std::expected<MemifRates, std::string> RunMemifReceiver(MemifFleet& fleet, const MemifLine& line) {
  const Config config = ConfigFor(fleet.members().size(), line);
  const auto wire = Wire::Create(config);
  if (!wire) {
    return std::unexpected(wire.error());
  }
  const RegionShape shape = ShapeFor(config.dataplane, kSmallPage);
  auto memory = PageArray<std::byte>::Create(RegionLayout::Of(shape).bytes, "the region");
  if (!memory) {
    return std::unexpected(memory.error());
  }
  Receiver receiver(fleet, config, **wire, std::move(*memory));
  if (const auto started = receiver.Start(); !started) {
    return std::unexpected(started.error());
  }
  receiver.Enrol();
  const MemifRates rates = receiver.Measure();
  if (const auto whole = receiver.Account(); !whole) {
    return std::unexpected(whole.error());
  }
  return rates;
}

void SweepMemifReceiver(const MemifLine& line) {
  std::error_code error;
  std::filesystem::remove_all(fmt::format("/run/flatline-{}.memif", line.socket), error);
  std::filesystem::remove_all(fmt::format("/run/dpdk/{}", line.socket), error);
  const std::string pages = dpdk::LookAtHost().hugetlbfs;
  for (const auto& entry : std::filesystem::directory_iterator(pages, error)) {
    if (entry.path().filename().string().starts_with(line.socket + "map_")) {
      std::filesystem::remove(entry.path(), error);
    }
  }
}

bool HasPagesForZeroCopy() {
  const dpdk::HostMemory host = dpdk::LookAtHost();
  return !host.hugetlbfs.empty() && host.free >= kMemory;
}

}  // namespace flatline
