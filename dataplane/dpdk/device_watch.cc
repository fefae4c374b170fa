#include "dataplane/dpdk/device_watch.h"

#include "dataplane/dpdk/log.h"

#include <fstream>
#include <sys/eventfd.h>

#include <rte_ethdev.h>

namespace flatline::dpdk {
namespace {

// Of a kernel interface: whether it is up and its peer too. One that is not there has no carrier.
bool HasCarrier(const std::string& interface) {
  char carrier = '0';
  std::ifstream("/sys/class/net/" + interface + "/carrier") >> carrier;
  return carrier == '1';
}

bool HasLink(const Port& port) {
  if (port.gate() != nullptr) {
    return port.gate()->is_open();
  }
  return port.link_is_up() &&
         (port.kernel_interface().empty() || HasCarrier(port.kernel_interface()));
}

// How often it had none, ever; 0 where the kernel does not count.
std::uint64_t CarriersLost(const std::string& interface) {
  std::uint64_t out = 0;
  std::ifstream("/sys/class/net/" + interface + "/carrier_down_count") >> out;
  return out;
}

}  // namespace

DeviceWatch::DeviceWatch(std::span<const std::unique_ptr<Port>> ports,
                         PortWatch& engine,
                         Instant at)
    : engine_(engine), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const auto& port : ports) {
    ports_.push_back({.port = port.get(),
                      .sockets = PacketSockets(port->kernel_interface()),
                      .events = {},
                      .lost = 0,
                      .changes = 0,
                      .up = true,
                      .up_at = at,
                      .looked = at});
  }
  for (Watched& watched : ports_) {
    watched.events = std::make_unique<LinkEvents>(event_.get());
    watched.lost = Lost(watched);
    watched.changes = Changes(watched);
    (void)rte_eth_dev_callback_register(
        watched.port->id(), RTE_ETH_EVENT_INTR_LSC, LinkChanged, watched.events.get());
  }
  Look(at);
}

DeviceWatch::~DeviceWatch() {
  for (const Watched& watched : ports_) {
    (void)rte_eth_dev_callback_unregister(
        watched.port->id(), RTE_ETH_EVENT_INTR_LSC, LinkChanged, watched.events.get());
  }
}

// On the driver's thread. The count first: who is woken finds it.
int DeviceWatch::LinkChanged(std::uint16_t /*id*/,
                             rte_eth_event_type /*type*/,
                             void* events,
                             void* /*result*/) {
  auto& told = *static_cast<LinkEvents*>(events);
  told.changes.fetch_add(1, std::memory_order_relaxed);
  eventfd_write(told.event, 1);
  return 0;
}

void DeviceWatch::Look(Instant now) {
  eventfd_t ignored = 0;
  (void)eventfd_read(event_.get(), &ignored);
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    LookAt(ports_[i], static_cast<std::uint8_t>(i), now);
  }
}

std::uint64_t DeviceWatch::Lost(Watched& watched) {
  rte_eth_stats stats{};
  const bool known = rte_eth_stats_get(watched.port->id(), &stats) == 0;
  return watched.sockets.Dropped() + (known ? stats.imissed + stats.rx_nombuf : 0);
}

// What moves where a link goes down, however short.
std::uint64_t DeviceWatch::Changes(const Watched& watched) {
  const Port& port = *watched.port;
  if (port.gate() != nullptr) {
    return port.gate()->closings();
  }
  return port.kernel_interface().empty() ? watched.events->changes.load(std::memory_order_relaxed)
                                         : CarriersLost(port.kernel_interface());
}

void DeviceWatch::LookAt(Watched& watched, std::uint8_t index, Instant now) {
  const bool was_up = watched.up;
  // Before the link is asked for: what changes in between is for the next look.
  const std::uint64_t changes = Changes(watched);
  const bool up = HasLink(*watched.port);
  if (up != was_up) {
    Log(LogLevel::kNotice, "port {}: link {}", watched.port->name(), up ? "up" : "down");
  }
  if (up) {
    watched.up_at = now;
    engine_.LinkUp(index, now);
  } else {
    engine_.LinkDown(index, watched.up_at);
  }
  watched.up = up;
  const std::uint64_t lost = Lost(watched);
  if (lost > watched.lost || (up && was_up && changes != watched.changes)) {
    engine_.ReportMissed(index, watched.looked, now);
  }
  watched.lost = lost;
  watched.changes = changes;
  watched.looked = now;
}

}  // namespace flatline::dpdk
