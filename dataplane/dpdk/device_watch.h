// The watch over the devices: asks each port for its link and its losses, and tells the engine when
// it cannot have heard. Run by the main thread, which looks every 10 ms (less often where a look is
// slow: some devices answer by mailbox) and at once when a driver says that a link changed. Cold.
// Some drivers (af_packet, af_xdp) believe their link to be up whatever happens, so there the
// kernel is asked for the interface's carrier. A link that was gone between two looks and is back
// is known by its count: of changes that the driver told of, or of carriers lost. Assumes ports
// that outlive it. Cost: a few driver calls for each port and poll.
#pragma once

#include "dataplane/dpdk/memif_channel.h"
#include "dataplane/dpdk/packet_sockets.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/port_watch.h"

#include <flatline/time.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_ethdev.h>

namespace flatline::dpdk {

class DeviceWatch {
 public:
  static constexpr Duration kShortestWait{10'000'000};
  static constexpr Duration kLongestWait{100'000'000};

  // `at`: now. Says at once which ports have no link.
  DeviceWatch(std::span<const std::unique_ptr<Port>> ports, PortWatch& engine, Instant at);
  ~DeviceWatch();
  DeviceWatch(const DeviceWatch&) = delete;
  DeviceWatch& operator=(const DeviceWatch&) = delete;

  // One look at all ports.
  void Look(Instant now);

  // Readable when a driver has said that a link changed.
  [[nodiscard]] int link_event() const noexcept { return event_.get(); }

 private:
  // What a driver's thread says of a port's link, at an address that drivers may keep.
  struct LinkEvents {
    int event = -1;
    std::atomic<std::uint64_t> changes{0};
  };

  struct Watched {
    const Port* port = nullptr;
    PacketSockets sockets;
    std::unique_ptr<LinkEvents> events;
    std::uint64_t lost = 0;     // as of the last look
    std::uint64_t changes = 0;  // of its link, as of the last look
    bool up = true;
    Instant up_at{};  // when it was last known to be up
    Instant looked{};
  };

  static int LinkChanged(std::uint16_t id, rte_eth_event_type type, void* events, void* result);
  // Frames that came and could not be delivered, ever.
  static std::uint64_t Lost(Watched& watched);
  static std::uint64_t Changes(const Watched& watched);
  void LookAt(Watched& watched, std::uint8_t index, Instant now);

  PortWatch& engine_;
  Descriptor event_;
  std::vector<Watched> ports_;
};

}  // namespace flatline::dpdk
