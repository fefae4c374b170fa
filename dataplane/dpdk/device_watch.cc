#include "dataplane/dpdk/device_watch.h"

#include "dataplane/dpdk/log.h"

#include <fstream>
#include <sys/eventfd.h>

#include <rte_ethdev.h>

namespace flatline::dpdk {
namespace {

int LinkChanged(std::uint16_t /*id*/, rte_eth_event_type /*type*/, void* event, void* /*result*/) {
  eventfd_write(*static_cast<const int*>(event), 1);
  return 0;
}

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

std::uint64_t Closings(const Port& port) {
  return port.gate() == nullptr ? 0 : port.gate()->closings();
}

}  // namespace

DeviceWatch::DeviceWatch(std::span<const std::unique_ptr<Port>> ports,
                         PortWatch& engine,
                         Instant at)
    : engine_(engine), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const auto& port : ports) {
    ports_.push_back({.port = port.get(),
                      .sockets = PacketSockets(port->kernel_interface()),
                      .lost = 0,
                      .closings = Closings(*port),
                      .up = true,
                      .up_at = at,
                      .looked = at});
  }
  fd_ = event_.get();
  for (Watched& watched : ports_) {
    watched.lost = Lost(watched);
    (void)rte_eth_dev_callback_register(
        watched.port->id(), RTE_ETH_EVENT_INTR_LSC, LinkChanged, &fd_);
  }
  Look(at);
}

DeviceWatch::~DeviceWatch() {
  for (const Watched& watched : ports_) {
    (void)rte_eth_dev_callback_unregister(
        watched.port->id(), RTE_ETH_EVENT_INTR_LSC, LinkChanged, &fd_);
  }
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

void DeviceWatch::LookAt(Watched& watched, std::uint8_t index, Instant now) {
  const bool up = HasLink(*watched.port);
  if (up != watched.up) {
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
  const std::uint64_t closings = Closings(*watched.port);
  // a gate that closed and opened between two looks is a link that went down for a moment
  if (lost > watched.lost || (up && closings != watched.closings)) {
    engine_.ReportMissed(index, watched.looked, now);
  }
  watched.lost = lost;
  watched.closings = closings;
  watched.looked = now;
}

}  // namespace flatline::dpdk
