#include "dataplane/dpdk/memif_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace flatline::dpdk {
namespace {

struct SocketAddress {
  sockaddr_un name{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

// As net_memif makes it: an abstract name is not padded, a path is.
SocketAddress AddressOf(const MemifAddress& address) {
  SocketAddress out;
  out.name.sun_family = AF_UNIX;
  const std::size_t from = address.abstract ? 1 : 0;
  const std::size_t length = std::min(address.path.size(), sizeof(out.name.sun_path) - 1 - from);
  std::memcpy(&out.name.sun_path[from], address.path.data(), length);
  out.length = static_cast<socklen_t>(
      address.abstract ? offsetof(sockaddr_un, sun_path) + from + length : sizeof(out.name));
  return out;
}

Descriptor NewSocket() {
  return Descriptor(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}

int DescriptorIn(msghdr& header) {
  int fd = -1;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
      std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    }
  }
  return fd;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

MemifAddress MemifAddress::Of(const DeviceString& device) {
  return {.path = device.Argument("socket").value_or("/run/memif.sock"),
          .abstract =
              device.Argument("socket-abstract").value_or("yes").find("no") == std::string::npos};
}

std::expected<Descriptor, std::string> MemifAddress::Listen() const {
  if (path.size() + 2 > sizeof(sockaddr_un::sun_path)) {
    return std::unexpected(fmt::format("memif: needed a socket path below {} bytes, found {}",
                                       sizeof(sockaddr_un::sun_path) - 2,
                                       path.size()));
  }
  if (!abstract && access(path.c_str(), F_OK) == 0 && !Connect().valid()) {
    (void)unlink(path.c_str());
  }
  Descriptor listener = NewSocket();
  const SocketAddress address = AddressOf(*this);
  if (!listener.valid() || bind(listener.get(), address.get(), address.length) != 0 ||
      listen(listener.get(), 8) != 0) {
    return std::unexpected(
        fmt::format("memif: needed to listen on {}{}, found: {}; is another server there?",
                    path,
                    abstract ? " (abstract)" : "",
                    std::generic_category().message(errno)));
  }
  return listener;
}

Descriptor MemifAddress::Connect() const {
  Descriptor out = NewSocket();
  const SocketAddress address = AddressOf(*this);
  if (!out.valid() || connect(out.get(), address.get(), address.length) != 0) {
    return Descriptor();
  }
  return out;
}

std::optional<MemifMessage> MemifMessage::Receive(const Descriptor& from) {
  MemifMessage out;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(ucred))> control{};
  iovec part{.iov_base = out.bytes.data(), .iov_len = out.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = recvmsg(from.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) {
    return std::nullopt;
  }
  out.descriptor = Descriptor(DescriptorIn(header));
  if (got != static_cast<ssize_t>(kBytes) || (header.msg_flags & MSG_TRUNC) != 0) {
    return std::nullopt;
  }
  return out;
}

bool MemifMessage::Send(const Descriptor& to) const {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  std::array<std::byte, kBytes> copy = bytes;
  iovec part{.iov_base = copy.data(), .iov_len = copy.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptor.valid()) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = descriptor.get();
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  return sendmsg(to.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(kBytes);
}

MemifKind MemifMessage::kind() const noexcept {
  std::uint16_t kind = 0;
  std::memcpy(&kind, bytes.data(), sizeof kind);  // host order: both ends share a host
  return static_cast<MemifKind>(kind);
}

bool MemifMessage::ring_is_to_server() const noexcept {
  std::uint16_t flags = 0;
  std::memcpy(&flags, &bytes[2], sizeof flags);
  return (flags & 1U) != 0;
}

}  // namespace flatline::dpdk
