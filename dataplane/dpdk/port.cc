#include "dataplane/dpdk/port.h"

#include "dataplane/dpdk/device_string.h"
#include "dataplane/dpdk/log.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <fmt/ranges.h>
#include <unistd.h>
#include <utility>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace flatline::dpdk {
namespace {

constexpr std::uint16_t kTransmitDescriptors = 1024;
// Several bursts, so that what is freed is what comes next; as much as DPDK allows, at most.
constexpr unsigned kPoolCache = std::min<std::size_t>(4 * kBurst, RTE_MEMPOOL_CACHE_MAX_SIZE);
constexpr std::uint16_t kRoom = RTE_PKTMBUF_HEADROOM + kReplyRoom;
constexpr std::uint16_t kMtu = 1500;

std::unexpected<std::string> Failed(const std::string& name, std::string_view what, int code) {
  return std::unexpected(fmt::format("port {}: {}: {}", name, what, rte_strerror(-code)));
}

std::string PortsThere() {
  std::vector<std::string> names;
  for (std::uint64_t next = rte_eth_find_next_owned_by(0, RTE_ETH_DEV_NO_OWNER);
       next < RTE_MAX_ETHPORTS;
       next =
           rte_eth_find_next_owned_by(static_cast<std::uint16_t>(next + 1), RTE_ETH_DEV_NO_OWNER)) {
    const auto id = static_cast<std::uint16_t>(next);
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    if (rte_eth_dev_get_name_by_port(id, name.data()) == 0) {
      names.emplace_back(name.data());
    }
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::expected<std::vector<IpAddress>, std::string> ParseAddresses(
    const PortConfig& config, const std::vector<std::string>& texts) {
  std::vector<IpAddress> out;
  for (const std::string& text : texts) {
    IpAddress address{};
    if (inet_pton(AF_INET6, text.c_str(), address.data()) != 1) {
      address[10] = address[11] = 0xFF;
      if (inet_pton(AF_INET, text.c_str(), &address[12]) != 1) {
        return std::unexpected(fmt::format(
            "port {}: needed an IPv4 or IPv6 address, found \"{}\"", config.device, text));
      }
    }
    out.push_back(address);
  }
  return out;
}

// What of the wanted offloads and hash functions the device grants; says what it does not.
rte_eth_conf Negotiate(const std::string& name, const rte_eth_dev_info& info, bool many_queues) {
  constexpr std::uint64_t kChecksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  constexpr std::uint64_t kHashes = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
  rte_eth_conf conf{};
  conf.rxmode.offloads = info.rx_offload_capa & kChecksums;
  if (conf.rxmode.offloads != kChecksums) {
    Log(LogLevel::kInfo,
        "port {}: no checksum offload granted for {}; checked in software",
        name,
        conf.rxmode.offloads == 0 ? "IPv4 and UDP" : "one of IPv4 and UDP");
  }
  if (many_queues) {
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & kHashes;
    if (conf.rx_adv_conf.rss_conf.rss_hf != 0) {
      conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    } else {
      Log(LogLevel::kInfo,
          "port {}: no RSS granted; its driver decides what goes to which queue",
          name);
    }
  }
  conf.rxmode.mtu = std::clamp(kMtu, info.min_mtu, std::max(info.min_mtu, info.max_mtu));
  conf.intr_conf.lsc =
      info.dev_flags != nullptr && (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0 ? 1 : 0;
  return conf;
}

}  // namespace

Port::Port(std::uint16_t id, const Request& request, const DeviceString& device)
    : id_(id), name_(device.name), gate_(request.gate) {
  if (device.IsDriver("net_af_packet") || device.IsDriver("net_af_xdp")) {
    kernel_interface_ = device.Argument("iface").value_or("");
  }
}

std::expected<std::unique_ptr<Port>, std::string> Port::Create(const Request& request) {
  const auto device = DeviceString::Parse(request.config.device);
  if (!device) {
    return std::unexpected(device.error());
  }
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(device->name.c_str(), &id) != 0) {
    return std::unexpected(fmt::format(
        "port: needed device {}, found {}; {}{}",
        request.config.device,
        PortsThere(),
        device->is_pci ? "check the address (lspci -D), bind it to vfio-pci (dpdk-devbind.py)"
                       : "check its arguments; the driver's own line above says what it missed",
        geteuid() == 0 ? "" : " (most devices need root)"));
  }
  std::unique_ptr<Port> port(new Port(id, request, *device));
  if (const auto up = port->SetUp(request); !up) {
    return std::unexpected(up.error());
  }
  return port;
}

std::expected<void, std::string> Port::SetUp(const Request& request) {
  const auto addresses = ParseAddresses(request.config, request.config.addresses);
  if (!addresses) {
    return std::unexpected(addresses.error());
  }
  const auto gateways = ParseAddresses(request.config, request.config.gateways);
  if (!gateways) {
    return std::unexpected(gateways.error());
  }
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(id_, &info); code != 0) {
    return Failed(name_, "does not describe itself", code);
  }
  const std::uint32_t wanted =
      request.config.queues == 0 ? request.workers
                                 : std::min<std::uint32_t>(request.config.queues, request.workers);
  const auto count = static_cast<std::uint16_t>(
      std::min<std::uint32_t>({wanted, info.max_rx_queues, info.max_tx_queues}));
  if (count < wanted || wanted < request.config.queues) {
    Log(LogLevel::kInfo,
        "port {}: {} queues wanted, {} to be had for {} workers",
        name_,
        std::max<std::uint32_t>(wanted, request.config.queues),
        count,
        request.workers);
  }
  const rte_eth_conf conf = Negotiate(name_, info, count > 1);
  if (const int code = rte_eth_dev_configure(id_, count, count, &conf); code != 0) {
    return Failed(name_, fmt::format("does not take {} queues", count), code);
  }
  if (const auto up = SetUpQueues(request, count); !up) {
    return up;
  }
  identity_.udp_port = request.config.udp_port;
  identity_.promiscuous = request.config.promiscuous;
  identity_.addresses = *addresses;
  identity_.gateways = *gateways;
  return Start(request.config);
}

std::expected<void, std::string> Port::SetUpQueues(const Request& request, std::uint16_t count) {
  std::uint16_t receive = request.config.descriptors;
  std::uint16_t transmit = kTransmitDescriptors;
  if (const int code = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &receive, &transmit); code != 0) {
    return Failed(name_, "does not take its descriptors", code);
  }
  // every descriptor filled, a burst in hand each way, and the caches of all who allocate
  const unsigned each_queue = unsigned{receive} + transmit + 4 * unsigned{kBurst};
  const unsigned buffers = count * each_queue + (request.workers + 2) * 2 * kPoolCache;
  const int socket = std::max(rte_eth_dev_socket_id(id_), 0);
  pool_ = rte_pktmbuf_pool_create(
      fmt::format("flatline-{}", request.index).c_str(), buffers, kPoolCache, 0, kRoom, socket);
  if (pool_ == nullptr) {
    return std::unexpected(
        fmt::format("port {}: needed {} buffers, {} MiB, found less free ({}); raise "
                    "dataplane.memory or lower port.descriptors",
                    name_,
                    buffers,
                    (std::uint64_t{buffers} * (kRoom + 192)) >> 20,
                    rte_strerror(rte_errno)));
  }
  for (std::uint16_t q = 0; q < count; ++q) {
    const auto node = static_cast<unsigned>(socket);
    int code = rte_eth_rx_queue_setup(id_, q, receive, node, nullptr, pool_);
    code = code != 0 ? code : rte_eth_tx_queue_setup(id_, q, transmit, node, nullptr);
    if (code != 0) {
      return Failed(
          name_, fmt::format("does not take queue {} of {} descriptors", q, receive), code);
    }
    const QueueId id{.port = id_, .queue = q, .worker = q};
    queues_.push_back(std::unique_ptr<Queue>(
        new Queue{.rx = {id, pool_, gate_, !kernel_interface_.empty()}, .tx = {id, gate_, pool_}}));
  }
  return {};
}

std::expected<void, std::string> Port::Start(const PortConfig& config) {
  if (const int code = rte_eth_dev_start(id_); code != 0) {
    return Failed(name_, "does not start", code);
  }
  if (config.promiscuous && rte_eth_promiscuous_enable(id_) != 0) {
    Log(LogLevel::kWarning, "port {}: promiscuous mode not granted", name_);
  }
  // neighbour solicitations come by multicast
  if (!config.promiscuous && rte_eth_allmulticast_enable(id_) != 0 &&
      rte_eth_promiscuous_get(id_) != 1) {
    Log(LogLevel::kInfo,
        "port {}: reception of all multicast not granted; if IPv6 neighbours do not find it, set "
        "promiscuous = true",
        name_);
  }
  rte_ether_addr mac{};
  if (const int code = rte_eth_macaddr_get(id_, &mac); code != 0) {
    return Failed(name_, "has no MAC address", code);
  }
  std::ranges::copy(mac.addr_bytes, identity_.mac.begin());
  Log(LogLevel::kNotice,
      "port {}: queues {}, MAC {:02x}",
      name_,
      queues_.size(),
      fmt::join(identity_.mac, ":"));
  return {};
}

bool Port::link_is_up() const noexcept {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

void Port::Restart() const {
  if (rte_eth_dev_stop(id_) != 0 || rte_eth_dev_start(id_) != 0) {
    Log(LogLevel::kError, "port {}: does not start again", name_);
  }
}

Port::~Port() {
  queues_.clear();
  (void)rte_eth_dev_stop(id_);
  (void)rte_eth_dev_close(id_);
  rte_mempool_free(pool_);
}

}  // namespace flatline::dpdk
