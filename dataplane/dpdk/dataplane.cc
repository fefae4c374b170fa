#include "dataplane/dpdk/dataplane.h"

#include "dataplane/authenticator.h"
#include "dataplane/bus_error.h"
#include "dataplane/dpdk/device_string.h"
#include "dataplane/dpdk/device_watch.h"
#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/enrolment_watch.h"
#include "dataplane/dpdk/log.h"
#include "dataplane/dpdk/memif_relay.h"
#include "dataplane/dpdk/poll_loop.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/process_watch.h"
#include "dataplane/dpdk/region_watch.h"
#include "dataplane/dpdk/tsc_clock.h"
#include "dataplane/engine.h"
#include "dataplane/lease_start.h"
#include "dataplane/shared_region.h"

#include <flatline/check.h>
#include <flatline/confinement.h>
#include <flatline/supervisor.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <poll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <utility>
#include <vector>

namespace flatline::dpdk {
namespace {

// Everything about the configured devices.
struct Devices {
  std::vector<std::string> arguments;               // as EAL gets them, by port
  std::vector<std::unique_ptr<MemifRelay>> relays;  // by port; null where none is needed
  std::vector<std::unique_ptr<Port>> ports;
};

// Signals become readable; blocked before any thread is made, so that all inherit it.
class StopSignals {
 public:
  StopSignals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    descriptor_ = Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_.get(); }

 private:
  Descriptor descriptor_;
};

// Of this process's probes: told to nobody, and gone with it.
SipKey DrawKey() {
  SipKey key;
  FLATLINE_CHECK(::getrandom(&key, sizeof key, 0) == sizeof key);
  return key;
}

// Where the time of a start goes, for the line that says so.
class StartTimes {
 public:
  enum class Part : std::uint8_t { kRegion, kEal, kPorts, kTable };

  // All since the last mark, or since the beginning, was spent on this.
  void Mark(Part part) {
    const auto now = std::chrono::steady_clock::now();
    seconds_[static_cast<std::size_t>(part)] = std::chrono::duration<double>(now - marked_).count();
    marked_ = now;
  }

  void Tell() const {
    const double all = std::chrono::duration<double>(marked_ - begun_).count();
    Log(LogLevel::kNotice,
        "started in {:.3f} s: region {:.3f}, EAL {:.3f}, ports {:.3f}, table {:.3f}",
        all,
        seconds_[0],
        seconds_[1],
        seconds_[2],
        seconds_[3]);
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point marked_ = begun_;
  std::array<double, 4> seconds_{};
};

WallInstant WallNow() {
  return WallInstant{std::chrono::system_clock::now().time_since_epoch()};
}

// Devices as EAL is to have them, with a relay before each net_memif.
std::expected<void, std::string> PrepareDevices(const Config& config, Devices& devices) {
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    auto device = DeviceString::Parse(config.ports[i].device);
    if (!device) {
      return std::unexpected(device.error());
    }
    std::unique_ptr<MemifRelay> relay;
    if (device->IsDriver("net_memif")) {
      auto made = MemifRelay::Create(*device, config.instance, i);
      if (!made) {
        return std::unexpected(made.error());
      }
      relay = std::move(*made);
    }
    devices.relays.push_back(std::move(relay));
    devices.arguments.push_back(device->Text());
  }
  return {};
}

std::expected<void, std::string> OpenPorts(const Config& config, Devices& devices) {
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    MemifRelay* relay = devices.relays[i].get();
    auto port = Port::Create({.config = config.ports[i],
                              .index = i,
                              .workers = config.dataplane.workers,
                              .gate = relay == nullptr ? nullptr : &relay->gate()});
    if (!port) {
      return std::unexpected(port.error());
    }
    if (relay != nullptr) {
      relay->Start({.link_is_up = [own = port->get()] { return own->link_is_up(); },
                    .restart = [own = port->get()] { own->Restart(); }});
    }
    devices.ports.push_back(std::move(*port));
  }
  return {};
}

void AttachPorts(const Devices& devices, Engine& engine) {
  for (std::size_t i = 0; i < devices.ports.size(); ++i) {
    const auto& queues = devices.ports[i]->queues();
    for (unsigned worker = 0; worker < queues.size(); ++worker) {
      engine.Attach(worker,
                    {.source = &queues[worker]->rx,
                     .sink = &queues[worker]->tx,
                     .identity = &devices.ports[i]->identity(),
                     .port = static_cast<std::uint8_t>(i)});
    }
  }
}

// What the main thread does while the workers hear.
struct Watches {
  DeviceWatch devices;
  ProcessWatch processes;
  EnrolmentWatch enrolment;
  RegionWatch region;

  void Look(Instant now) {
    devices.Look(now);
    processes.Look(now);
    enrolment.Look(now);
    region.Look(now);
  }
};

// Some devices are given back to the kernel at the end.
std::expected<void, std::string> ConfineAsNeeded(const Config& config) {
  if (!config.confine) {
    Log(LogLevel::kWarning, "not confined: capabilities and system calls are kept, as configured");
    return {};
  }
  const bool keeps = std::ranges::any_of(config.ports, [](const PortConfig& port) {
    const auto device = DeviceString::Parse(port.device);
    return device && (device->IsDriver("net_af_xdp") || device->IsDriver("net_tap"));
  });
  return Confine({.program = ConfinedProgram::kDataplane, .keeps_net_admin = keeps});
}

void WatchUntilStopped(Watches& watches, TscClock& clock, const StopSignals& stop) {
  std::array<pollfd, 2> wait{
      pollfd{.fd = stop.descriptor(), .events = POLLIN, .revents = 0},
      pollfd{.fd = watches.devices.link_event(), .events = POLLIN, .revents = 0}};
  Duration rest = DeviceWatch::kShortestWait;
  while (wait[0].revents == 0) {
    (void)poll(wait.data(), wait.size(), static_cast<int>(rest.count() / 1'000'000));
    const Instant begun = clock.Now();
    watches.Look(begun);
    rest = std::clamp(
        (clock.Now() - begun) * 10, DeviceWatch::kShortestWait, DeviceWatch::kLongestWait);
  }
}

// What DPDK runs on, and hears by.
struct Host {
  const Eal& eal;
  const Devices& devices;
};

std::expected<void, std::string> RunEngine(const Config& config,
                                           const SharedRegion& shared,
                                           const Host& host,
                                           const StopSignals& stop,
                                           StartTimes& times) {
  const RegionView& region = shared.view();
  Supervisor supervisor = Supervisor::FromEnvironment();
  auto authenticator = Authenticator::Load(config);
  if (!authenticator) {
    return std::unexpected(authenticator.error());
  }
  const LeaseStart leases = StartLeases(config, region);
  if (!leases.complaint.empty()) {
    Log(LogLevel::kWarning, "leases: {}", leases.complaint);
  }
  TscClock clock;
  auto engine =
      Engine::Create(region,
                     {.stall = config.dataplane.stall,
                      .authenticator = authenticator->get(),
                      .probe_key = DrawKey(),
                      .probe_rate = config.dataplane.probe_rate,
                      .leases = leases.terms,
                      .enrolment = EnrolmentLimits::Of(config.dataplane.endpoints,
                                                       config.dataplane.workers,
                                                       config.dataplane.enrolment_time,
                                                       config.dataplane.enrolment_per_source)},
                     clock.Now());
  if (!engine) {
    return std::unexpected(engine.error());
  }
  AttachPorts(host.devices, **engine);
  Watches watches{.devices{host.devices.ports, (*engine)->port_watch(), clock.Now()},
                  .processes{region, supervisor},
                  .enrolment = EnrolmentWatch(region),
                  .region = RegionWatch(shared)};
  PollLoops loops(**engine, region, config.dataplane.idle);
  if (const auto launched = loops.Launch(host.eal.worker_lcores()); !launched) {
    return launched;
  }
  times.Mark(StartTimes::Part::kTable);
  if (const auto confined = ConfineAsNeeded(config); !confined) {
    return confined;
  }
  Log(LogLevel::kNotice,
      "hearing: {} workers, {} ports",
      config.dataplane.workers,
      host.devices.ports.size());
  times.Tell();
  supervisor.SayReady();
  WatchUntilStopped(watches, clock, stop);
  Log(LogLevel::kNotice, "told to stop");
  supervisor.SayStopping();
  return {};
}

// Peers are sent away before their device goes, and devices before EAL.
void CloseDevices(Devices& devices) {
  for (const auto& relay : devices.relays) {
    if (relay != nullptr) {
      relay->Stop();
    }
  }
  devices.ports.clear();
}

std::expected<void, std::string> RunOn(const SharedRegion& region,
                                       const Config& config,
                                       const Options& options,
                                       const StopSignals& stop,
                                       StartTimes& times) {
  Devices devices;
  if (const auto prepared = PrepareDevices(config, devices); !prepared) {
    return prepared;
  }
  auto plan = PlanEal(config, devices.arguments, LookAtHost(), options.eal_arguments);
  if (!plan) {
    return std::unexpected(plan.error());
  }
  const auto eal = Eal::Start(config, std::move(*plan));
  if (!eal) {
    return std::unexpected(eal.error());
  }
  times.Mark(StartTimes::Part::kEal);
  auto outcome = OpenPorts(config, devices);
  times.Mark(StartTimes::Part::kPorts);
  if (outcome) {
    outcome = RunEngine(config, region, {*eal, devices}, stop, times);
  }
  CloseDevices(devices);
  return outcome;
}

}  // namespace

std::expected<void, std::string> CheckDevices(const Config& config) {
  if (config.ports.empty()) {
    return std::unexpected("port: needed at least one [[port]], found none; name a device");
  }
  for (const PortConfig& port : config.ports) {
    if (const auto device = DeviceString::Parse(port.device); !device) {
      return std::unexpected(device.error());
    }
  }
  return {};
}

std::expected<void, std::string> RunDataplane(const Config& config, const Options& options) {
  const StopSignals stop;
  ExplainBusErrors();
  StartTimes times;
  auto region = SharedRegion::Open(config, options.cold, WallNow());
  if (!region) {
    return std::unexpected(region.error());
  }
  times.Mark(StartTimes::Part::kRegion);
  if (!region->begins_cold_for().empty()) {
    Log(LogLevel::kWarning, "{}", region->begins_cold_for());
  }
  Log(LogLevel::kNotice,
      "region {}: {}",
      region->path(),
      region->adopted() ? "adopted" : "formatted");
  const auto outcome = RunOn(*region, config, options, stop, times);
  region->MarkStopped();
  return outcome;
}

}  // namespace flatline::dpdk
