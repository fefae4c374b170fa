#include <flatline/supervisor.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value == nullptr ? std::string() : value;
}

// Zero for what is no number.
std::int64_t Number(const std::string& text) {
  std::int64_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size() ? out : 0;
}

// How often the watchdog is to be fed; zero where there is none, or it is another process's.
Duration FeedingInterval() {
  constexpr std::int64_t kFeedings = 3;
  constexpr std::int64_t kMost = std::int64_t{86'400} * 1'000'000;
  const std::string pid = Environment("WATCHDOG_PID");
  if (!pid.empty() && Number(pid) != ::getpid()) {
    return {};
  }
  const std::int64_t us = std::clamp(Number(Environment("WATCHDOG_USEC")), std::int64_t{0}, kMost);
  return Duration{us * 1'000 / kFeedings};
}

}  // namespace

Supervisor Supervisor::FromEnvironment() {
  Supervisor out;
  std::string address = Environment("NOTIFY_SOCKET");
  const bool is_address = !address.empty() && (address[0] == '/' || address[0] == '@') &&
                          address.size() < sizeof(sockaddr_un::sun_path);
  if (!is_address) {
    return out;
  }
  if (address[0] == '@') {
    address[0] = '\0';
  }
  out.address_ = std::move(address);
  out.socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  out.interval_ = FeedingInterval();
  return out;
}

Supervisor::Supervisor(Supervisor&& other) noexcept
    : address_(std::move(other.address_)),
      socket_(std::exchange(other.socket_, -1)),
      interval_(other.interval_),
      next_(other.next_) {}

Supervisor::~Supervisor() {
  if (socket_ >= 0) {
    ::close(socket_);
  }
}

void Supervisor::SayReady() {
  Send("READY=1");
}

void Supervisor::SayStopping() {
  Send("STOPPING=1");
}

void Supervisor::SayStatus(std::string_view line) {
  Send("STATUS=" + std::string(line));
}

void Supervisor::SayAlive(Instant now) {
  if (interval_ != Duration{} && now >= next_) {
    Send("WATCHDOG=1");
    next_ = now + interval_;
  }
}

void Supervisor::Send(std::string_view text) const noexcept {
  if (socket_ < 0) {
    return;
  }
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  // A path's own zero is no part of the address; that of an abstract name is.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  ::sendto(socket_,
           text.data(),
           text.size(),
           MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&to),
           size);
}

bool ProcessIsThere(std::uint32_t pid) noexcept {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/%u", pid);
  return pid != 0 && ::access(path.data(), F_OK) == 0;
}

}  // namespace flatline
