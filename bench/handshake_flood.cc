#include "bench/handshake_flood.h"

#include "bench/crowd.h"
#include "control/tls/channel.h"

#include <flatline/check.h>

#include <array>
#include <deque>
#include <span>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::nanoseconds kSecond = std::chrono::seconds(1);

// What a server that is slow does not hold up for ever.
void Hurry(int descriptor) {
  const timeval patience{1, 0};
  FLATLINE_CHECK(::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ==
                 0);
}

}  // namespace

HandshakeFlood::HandshakeFlood(std::uint16_t port, const std::string& ca) : port_(port) {
  auto context = TlsContext::ForClient({.ca = ca}, "127.0.0.1");
  FLATLINE_CHECK(context);
  context_ = std::move(*context);
  TlsChannel channel(context_);
  const auto hello = channel.outgoing();
  hello_.assign(hello.begin(), hello.end());
  early_ = std::thread([this] { LeaveEarly(stop_); });
  late_ = std::thread([this] { Finish(stop_); });
}

HandshakeFlood::~HandshakeFlood() {
  stop_.store(true);
  early_.join();
  late_.join();
}

// Two of three: one says nothing, the other no more than a hello.
void HandshakeFlood::LeaveEarly(const std::atomic<bool>& stop) {
  struct Guest {
    int descriptor;
    Clock::time_point leaves;
  };

  std::deque<Guest> guests;
  auto at = Clock::now();
  for (std::uint64_t number = 0; !stop.load(); ++number) {
    const int descriptor = Crowd::Connect(port_);
    made_.fetch_add(1);
    if (number % 2 == 0) {
      // A server that has hung up already is no fault.
      static_cast<void>(::send(descriptor, hello_.data(), hello_.size(), MSG_NOSIGNAL));
    }
    guests.push_back({descriptor, Clock::now() + kStays});
    while (!guests.empty() && guests.front().leaves <= Clock::now()) {
      ::close(guests.front().descriptor);
      guests.pop_front();
    }
    at += kSecond / (2 * kASecond / 3);
    std::this_thread::sleep_until(at);
  }
  for (const Guest& guest : guests) {
    ::close(guest.descriptor);
  }
}

void HandshakeFlood::Finish(const std::atomic<bool>& stop) {
  for (auto at = Clock::now(); !stop.load(); at += kSecond / (kASecond / 3)) {
    std::this_thread::sleep_until(at);
    ShakeHands();
  }
}

void HandshakeFlood::ShakeHands() {
  const int descriptor = Crowd::Connect(port_);
  Hurry(descriptor);
  made_.fetch_add(1);
  TlsChannel channel(context_);
  std::array<std::byte, 16384> room;
  for (bool is_there = true; is_there && channel.state() == TlsChannel::State::kShaking;) {
    const auto outgoing = channel.outgoing();
    const ssize_t sent = ::send(descriptor, outgoing.data(), outgoing.size(), MSG_NOSIGNAL);
    channel.Sent(sent > 0 ? static_cast<std::size_t>(sent) : 0);
    const ssize_t got = ::recv(descriptor, room.data(), room.size(), 0);
    is_there = got > 0;
    channel.Feed(std::span(room).first(got > 0 ? static_cast<std::size_t>(got) : 0));
    channel.Advance();
  }
  if (channel.state() == TlsChannel::State::kOpen) {
    const auto outgoing = channel.outgoing();
    static_cast<void>(::send(descriptor, outgoing.data(), outgoing.size(), MSG_NOSIGNAL));
    finished_.fetch_add(1);
  }
  ::close(descriptor);
}

}  // namespace flatline
