// Many subscribers in one thread: connections that take whatever comes and count it, by one epoll.
// For the benchmarks of delivery, of ours and of its peers alike. Not the client library, whose
// price for each is its own figure. Aborts where a connection fails: a benchmark has no second try.
#pragma once

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace flatline {

class Crowd {
 public:
  using OnBytes = std::function<void(std::size_t subscriber, std::span<const std::byte> bytes)>;

  Crowd() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    rlimit limit{65536, 65536};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }

  ~Crowd() {
    for (const int descriptor : descriptors_) {
      ::close(descriptor);
    }
    ::close(epoll_);
  }

  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // A connection to a loopback port that blocks.
  [[nodiscard]] static int Connect(std::uint16_t port) {
    const int out = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    FLATLINE_CHECK(::connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
                   0);
    const int on = 1;
    ::setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return out;
  }

  static void SendAll(int descriptor, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      FLATLINE_CHECK(sent > 0);
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }

  // One subscriber more: says `request`, and takes `greeting` bytes before it counts.
  void Join(std::uint16_t port, std::span<const std::byte> request, std::size_t greeting) {
    const int descriptor = Connect(port);
    SendAll(descriptor, request);
    while (greeting != 0) {
      const ssize_t got = ::recv(descriptor, buffer_.data(), std::min(greeting, buffer_.size()), 0);
      FLATLINE_CHECK(got > 0);
      greeting -= static_cast<std::size_t>(got);
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = descriptors_.size();
    FLATLINE_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0);
    descriptors_.push_back(descriptor);
  }

  // Takes what there is, waiting at most `timeout_ms` for anything; returns how many bytes.
  std::size_t Take(int timeout_ms, const OnBytes& on_bytes = {}) {
    std::array<epoll_event, 512> events;
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), timeout_ms);
    std::size_t out = 0;
    for (int i = 0; i < count; ++i) {
      const std::size_t subscriber = events[static_cast<std::size_t>(i)].data.u64;
      const ssize_t got =
          ::recv(descriptors_[subscriber], buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      FLATLINE_CHECK(got > 0);
      out += static_cast<std::size_t>(got);
      if (on_bytes) {
        on_bytes(subscriber, std::span(buffer_).first(static_cast<std::size_t>(got)));
      }
    }
    return out;
  }

  [[nodiscard]] std::size_t size() const noexcept { return descriptors_.size(); }

 private:
  int epoll_;
  std::vector<int> descriptors_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(std::size_t{256} << 10);
};

}  // namespace flatline
