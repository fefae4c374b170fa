#include "dataplane/dpdk/packet_sockets.h"

#include <charconv>
#include <filesystem>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <system_error>

namespace flatline::dpdk {
namespace {

bool IsBoundTo(int descriptor, unsigned interface) {
  sockaddr_ll address{};
  socklen_t length = sizeof address;
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
         address.sll_family == AF_PACKET && address.sll_ifindex == static_cast<int>(interface);
}

}  // namespace

PacketSockets::PacketSockets(const std::string& interface) {
  const unsigned index = interface.empty() ? 0 : if_nametoindex(interface.c_str());
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename().string();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    if (index != 0 && IsBoundTo(descriptor, index)) {
      descriptors_.push_back(descriptor);
    }
  }
  (void)Dropped();  // what was before does not count
  dropped_ = 0;
}

std::uint64_t PacketSockets::Dropped() {
  for (const int descriptor : descriptors_) {
    tpacket_stats since{};
    socklen_t length = sizeof since;
    if (getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, &since, &length) == 0) {
      dropped_ += since.tp_drops;
    }
  }
  return dropped_;
}

}  // namespace flatline::dpdk
