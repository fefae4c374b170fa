// A connected UDP socket of the kernel's, over IPv4 or IPv6, for `flatline agent`. One thread. What
// fails to open says so in one line; what fails to send is counted by the caller, as the network
// may lose it as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace flatline::cli {

struct HostAndPort {
  std::string host;
  std::string port;

  bool operator==(const HostAndPort&) const = default;
};

// "10.0.0.1:17996", "[fd00::1]:17996", "fd00::1", "host"; the heartbeat's port where none is named.
[[nodiscard]] std::optional<HostAndPort> ParseDestination(std::string_view text);

class AgentSocket {
 public:
  // `device`: the interface to send through, or empty. `port`: of this end; 0: any.
  [[nodiscard]] static std::expected<AgentSocket, std::string> Connect(const std::string& to,
                                                                       const std::string& device,
                                                                       std::uint16_t port = 0);

  AgentSocket(AgentSocket&& other) noexcept;
  AgentSocket& operator=(AgentSocket&&) = delete;
  AgentSocket(const AgentSocket&) = delete;
  AgentSocket& operator=(const AgentSocket&) = delete;
  ~AgentSocket();

  [[nodiscard]] bool Send(std::span<const std::uint8_t> datagram);

  // Size of the datagram written to `out`, or nothing where none waits.
  [[nodiscard]] std::optional<std::size_t> Receive(std::span<std::uint8_t> out);

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  explicit AgentSocket(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace flatline::cli
