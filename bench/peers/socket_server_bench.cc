// The receiver that a user would write first: a UDP socket, recvmmsg in batches of 64, and a
// std::unordered_map from id to what was last heard. A second thread floods it over loopback with
// our heartbeats, every endpoint in random order. Measures heartbeats a second of the receiving
// thread's core, live, its system time included; prints row `socket.heartbeats_per_core`.
// To its advantage: on loopback the sender's core pays for the stack below the socket, a million
// endpoints are fewer than ours, it checks little of what we check, and has no deadlines to watch.
#include "bench/core_seconds.h"
#include "bench/cores.h"
#include "bench/peers/huge_arena.h"

#include <flatline/heartbeat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <netinet/in.h>
#include <random>
#include <span>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flatline::peers {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kDatagram = 40;
constexpr int kReceiveBuffer = 64 << 20;
constexpr unsigned kWindows = 5;
constexpr auto kPause = std::chrono::microseconds(500);

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) {
      throw std::system_error(errno, std::generic_category(), "socket");
    }
  }

  ~Socket() { ::close(fd_); }

  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

// kBatch datagrams in memory of their own, as recvmmsg and sendmmsg want them.
struct Batch {
  Batch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {.iov_base = bytes[i].data(), .iov_len = kDatagram};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  std::array<std::array<std::byte, kDatagram>, kBatch> bytes{};
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
};

// Floods until told to stop. The socket is connected: the cheapest way to send.
void Send(int fd, std::span<const EndpointId> order, const std::atomic<bool>& stop) {
  Batch batch;
  std::size_t at = 0;
  std::uint32_t sequence = 1;
  while (!stop.load(std::memory_order_relaxed)) {
    for (auto& bytes : batch.bytes) {
      EncodeHeartbeat({.id = order[at], .incarnation = 1, .sequence = sequence}, bytes);
      if (++at == order.size()) {
        at = 0;
        ++sequence;
      }
    }
    ::sendmmsg(fd, batch.messages.data(), kBatch, 0);
  }
}

class Server {
 public:
  explicit Server(std::span<const EndpointId> ids) {
    heard_.reserve(ids.size());
    for (const EndpointId id : ids) {
      heard_.emplace(id, Last{});
    }
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    if (::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&address_), length) != 0 ||
        ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address_), &length) != 0) {
      throw std::system_error(errno, std::generic_category(), "bind to loopback");
    }
  }

  [[nodiscard]] const sockaddr_in& address() const noexcept { return address_; }

  // For `span` of the wall: how many heartbeats a second of this core.
  double Serve(std::chrono::nanoseconds span) {
    const auto end = std::chrono::steady_clock::now() + span;
    const double begin = CoreSeconds();
    std::uint64_t counted = 0;
    while (std::chrono::steady_clock::now() < end) {
      const int received =
          ::recvmmsg(socket_.fd(), batch_.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (received <= 0) {
        std::this_thread::sleep_for(kPause);  // full batches are cheaper than waking for each
        continue;
      }
      counted += Hear(static_cast<std::size_t>(received));
    }
    return static_cast<double>(counted) / (CoreSeconds() - begin);
  }

 private:
  struct Last {
    std::uint32_t sequence = 0;
    std::uint32_t at = 0;
  };

  std::uint64_t Hear(std::size_t received) {
    std::uint64_t counted = 0;
    ++now_;
    for (std::size_t i = 0; i < received; ++i) {
      const auto heartbeat = DecodeHeartbeat({batch_.bytes[i].data(), batch_.messages[i].msg_len});
      if (!heartbeat) {
        continue;
      }
      const auto it = heard_.find(heartbeat->id);
      if (it != heard_.end() && heartbeat->sequence >= it->second.sequence) {
        it->second = {.sequence = heartbeat->sequence, .at = now_};
        ++counted;
      }
    }
    return counted;
  }

  Socket socket_;
  sockaddr_in address_{};
  std::unordered_map<EndpointId,
                     Last,
                     std::hash<EndpointId>,
                     std::equal_to<>,
                     HugeAllocator<std::pair<const EndpointId, Last>>>
      heard_;
  Batch batch_;
  std::uint32_t now_ = 0;
};

// The flood, from construction to destruction, from a socket and a thread of its own.
class Flood {
 public:
  Flood(const sockaddr_in& to, std::span<const EndpointId> order, int core) {
    if (::connect(socket_.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      throw std::system_error(errno, std::generic_category(), "connect to loopback");
    }
    thread_ = std::thread([this, order, core] {
      RunOn(core);
      Send(socket_.fd(), order, stop_);
    });
  }

  ~Flood() {
    stop_ = true;
    thread_.join();
  }

  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

 private:
  Socket socket_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void Run(std::size_t endpoints, std::chrono::milliseconds window) {
  const std::vector<int> cores = AllowedCores();
  RunOn(cores.back());
  std::mt19937_64 random(1);
  std::vector<EndpointId> ids(endpoints);
  for (EndpointId& id : ids) {
    id = random() | 1;
  }
  Server server(ids);
  std::ranges::shuffle(ids, random);
  std::array<double, kWindows> rates{};
  {
    const Flood flood(server.address(), ids, cores.front());
    server.Serve(window);  // the first one is not counted
    for (double& rate : rates) {
      rate = server.Serve(window);
    }
  }
  std::ranges::sort(rates);
  if (rates[0] == 0) {
    throw std::runtime_error("no heartbeat came");
  }
  std::printf("socket.endpoints %zu 1\n", endpoints);
  std::printf("socket.heartbeats_per_core %.4g 1/s\n", rates[kWindows / 2]);
}

}  // namespace
}  // namespace flatline::peers

int main(int count, char** arguments) {
  const std::size_t endpoints = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1'000'000;
  const std::size_t window = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1000;
  if (endpoints == 0 || endpoints > 100'000'000 || window == 0 || window > 10'000) {
    std::fputs("usage: socket_server_bench [ENDPOINTS [WINDOW_MS]]\n", stderr);
    return 2;
  }
  try {
    flatline::peers::Run(endpoints, std::chrono::milliseconds(window));
  } catch (const std::exception& error) {  // as when there is no loopback
    std::fprintf(stderr, "socket_server_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
