// A crowd of subscribers over TLS, in one thread: as Crowd, but for the handshake and that what it
// counts is what it has decrypted. For the benchmark of what TLS costs the server. Aborts where a
// connection fails.
#pragma once

#include "bench/crowd.h"
#include "control/tls/channel.h"

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace flatline {

class SealedCrowd {
 public:
  // Trusts who is certified by the file, for 127.0.0.1.
  explicit SealedCrowd(const std::string& ca) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    auto context = TlsContext::ForClient({.ca = ca}, "127.0.0.1");
    FLATLINE_CHECK(context);
    context_ = std::move(*context);
    rlimit limit{65536, 65536};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }

  ~SealedCrowd() {
    for (const Member& member : members_) {
      ::close(member.descriptor);
    }
    ::close(epoll_);
  }

  SealedCrowd(const SealedCrowd&) = delete;
  SealedCrowd& operator=(const SealedCrowd&) = delete;

  // One subscriber more: shakes hands, says `request`, and takes `greeting` bytes before it counts.
  void Join(std::uint16_t port, std::span<const std::byte> request, std::size_t greeting) {
    Member member{Crowd::Connect(port), std::make_unique<TlsChannel>(context_)};
    while (member.channel->state() == TlsChannel::State::kShaking) {
      Flush(member);
      if (member.channel->state() == TlsChannel::State::kShaking) {
        FLATLINE_CHECK(Receive(member, 0) == 0);
      }
    }
    member.channel->Seal(request);
    Flush(member);
    while (greeting != 0) {
      const std::size_t got = Receive(member, 0);
      FLATLINE_CHECK(got <= greeting);
      greeting -= got;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = members_.size();
    FLATLINE_CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, member.descriptor, &event) == 0);
    members_.push_back(std::move(member));
  }

  // Takes what there is, waiting at most `timeout_ms` for anything; returns how many bytes of what
  // was meant. Zero: nothing came at all.
  std::size_t Take(int timeout_ms) {
    std::size_t out = 0;
    std::array<epoll_event, 512> events;
    int count = 0;
    do {
      count = ::epoll_wait(epoll_, events.data(), events.size(), timeout_ms);
      for (int i = 0; i < count; ++i) {
        out += Receive(members_[events[static_cast<std::size_t>(i)].data.u64], MSG_DONTWAIT);
      }
    } while (out == 0 && count > 0);  // only a part of a record
    return out;
  }

 private:
  struct Member {
    int descriptor;
    std::unique_ptr<TlsChannel> channel;
  };

  static void Flush(Member& member) {
    const auto bytes = member.channel->outgoing();
    Crowd::SendAll(member.descriptor, bytes);
    member.channel->Sent(bytes.size());
  }

  std::size_t Receive(Member& member, int flags) {
    const ssize_t got = ::recv(member.descriptor, ciphertext_.data(), ciphertext_.size(), flags);
    FLATLINE_CHECK(got > 0);
    member.channel->Feed(std::span(ciphertext_).first(static_cast<std::size_t>(got)));
    std::size_t out = 0;
    while (const std::size_t read = member.channel->Read(plaintext_)) {
      out += read;
    }
    FLATLINE_CHECK(member.channel->fault().empty());
    return out;
  }

  std::shared_ptr<const TlsContext> context_;
  int epoll_;
  std::vector<Member> members_;
  std::vector<std::byte> ciphertext_ = std::vector<std::byte>(TlsChannel::kMostUnread);
  std::vector<std::byte> plaintext_ = std::vector<std::byte>(TlsChannel::kMostUnread);
};

}  // namespace flatline
