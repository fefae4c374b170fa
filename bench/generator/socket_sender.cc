#include "bench/generator/socket_sender.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace flatline::generator {

namespace {

constexpr int kSocketBuffer = 4 << 20;

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
};

std::expected<Target, std::string> ParseTarget(const std::string& text) {
  const auto wrong = std::unexpected(fmt::format(
      "needed an address and port like 127.0.0.1:17996 or [::1]:17996, found '{}'", text));
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon == std::string::npos ||
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ptr !=
          text.data() + text.size() ||
      port == 0) {
    return wrong;
  }
  std::string host = text.substr(0, colon);
  Target out;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    auto* to = reinterpret_cast<sockaddr_in6*>(&out.address);
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(port);
    out.size = sizeof *to;
    return inet_pton(AF_INET6, host.c_str(), &to->sin6_addr) == 1
               ? std::expected<Target, std::string>(out)
               : wrong;
  }
  auto* to = reinterpret_cast<sockaddr_in*>(&out.address);
  to->sin_family = AF_INET;
  to->sin_port = htons(port);
  out.size = sizeof *to;
  return inet_pton(AF_INET, host.c_str(), &to->sin_addr) == 1
             ? std::expected<Target, std::string>(out)
             : wrong;
}

class SocketSender : public Sender {
 public:
  SocketSender(int descriptor, const Target& target)
      : descriptor_(descriptor),
        target_(target),
        memory_(kBatch * kRoomSize),
        received_memory_(kBatch * kReceiveRoom) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      rooms_[i] = memory_.data() + i * kRoomSize;
      Lay(i, rooms_[i], sends_, send_vectors_);
      sends_[i].msg_hdr.msg_name = &target_.address;
      sends_[i].msg_hdr.msg_namelen = target_.size;
      Lay(i, received_memory_.data() + i * kReceiveRoom, receives_, receive_vectors_);
      receive_vectors_[i].iov_len = kReceiveRoom;
    }
  }

  ~SocketSender() override { close(descriptor_); }

  SocketSender(const SocketSender&) = delete;
  SocketSender& operator=(const SocketSender&) = delete;

  [[nodiscard]] std::span<std::byte* const> Claim(std::size_t count) noexcept override {
    return std::span<std::byte* const>(rooms_).first(count);
  }

  [[nodiscard]] std::size_t Send(std::size_t count,
                                 std::uint32_t length,
                                 Elapsed /*now*/) noexcept override {
    for (std::size_t i = 0; i < count; ++i) {
      send_vectors_[i].iov_len = length;
    }
    const int sent =
        sendmmsg(descriptor_, sends_.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }

  [[nodiscard]] std::span<const std::span<const std::byte>> Receive() noexcept override {
    const int got = recvmmsg(descriptor_, receives_.data(), kBatch, MSG_DONTWAIT, nullptr);
    const std::size_t count = got < 0 ? 0 : static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count; ++i) {
      received_[i] = {received_memory_.data() + i * kReceiveRoom, receives_[i].msg_len};
    }
    return std::span<const std::span<const std::byte>>(received_).first(count);
  }

 private:
  using Messages = std::array<mmsghdr, kBatch>;
  using Vectors = std::array<iovec, kBatch>;

  static void Lay(std::size_t i, std::byte* room, Messages& messages, Vectors& vectors) noexcept {
    vectors[i].iov_base = room;
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }

  int descriptor_;
  Target target_;
  std::vector<std::byte> memory_;
  std::vector<std::byte> received_memory_;
  std::array<std::byte*, kBatch> rooms_{};
  Messages sends_{};
  Vectors send_vectors_{};
  Messages receives_{};
  Vectors receive_vectors_{};
  std::array<std::span<const std::byte>, kBatch> received_{};
};

}  // namespace

std::expected<std::unique_ptr<Sender>, std::string> CreateSocketSender(const std::string& target) {
  const auto parsed = ParseTarget(target);
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  const int descriptor = socket(parsed->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return std::unexpected(
        fmt::format("needed a UDP socket, found: {}; is the address family enabled here?",
                    std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe): one thread
  }
  // As much as we are allowed: a smaller buffer only refuses sooner.
  setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
  return std::make_unique<SocketSender>(descriptor, *parsed);
}

}  // namespace flatline::generator
