// TLS in front of a server in the clear, for tests of clients: takes connections one after the
// other, each with the context that is its turn, and carries bytes both ways until one side ends.
// One thread, loopback TCP. The end is said in TLS, or the connection is cut, as it is told.
#pragma once

#include "control/client/socket.h"
#include "control/tls/channel.h"
#include "tests/client/loopback_listener.h"

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace flatline {

class TlsFront {
 public:
  using Contexts = std::vector<std::shared_ptr<const TlsContext>>;

  enum class Ending { kSaid, kCut };

  // One context for each connection to come; the last one for all others.
  TlsFront(const std::string& behind, Contexts contexts, Ending ending = Ending::kSaid)
      : behind_(behind), contexts_(std::move(contexts)), ending_(ending) {
    FLATLINE_CHECK(::pipe2(end_.data(), O_CLOEXEC) == 0);
    thread_ = std::thread([this] { Serve(); });
  }

  ~TlsFront() {
    ::close(end_[1]);
    thread_.join();
    ::close(end_[0]);
  }

  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;

  [[nodiscard]] std::string address() const { return "tls:" + listener_.address(); }

 private:
  // True when the test is over.
  [[nodiscard]] bool Wait(std::span<pollfd> of) const {
    of[0] = {.fd = end_[0], .events = POLLIN, .revents = 0};
    return ::poll(of.data(), of.size(), -1) < 0 || of[0].revents != 0;
  }

  void Serve() {
    for (std::size_t turn = 0;; ++turn) {
      std::array<pollfd, 2> of{};
      of[1] = {.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (Wait(of)) {
        return;
      }
      const Socket ours = listener_.Accept();
      const auto address = ParseSocketAddress(behind_);
      FLATLINE_CHECK(address);
      const auto theirs = Socket::Connect(*address);
      FLATLINE_CHECK(theirs);
      TlsChannel channel(contexts_[std::min(turn, contexts_.size() - 1)]);
      while (Carry(ours.get(), theirs->get(), channel)) {
      }
      if (ending_ == Ending::kSaid) {
        channel.End();
      }
      Flush(ours.get(), channel);
    }
  }

  static void Flush(int ours, TlsChannel& channel) {
    for (auto bytes = channel.outgoing(); !bytes.empty(); bytes = channel.outgoing()) {
      const ssize_t sent = ::send(ours, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      channel.Sent(sent > 0 ? static_cast<std::size_t>(sent) : bytes.size());
    }
  }

  // Of what can be read now; false when one side has ended.
  bool Carry(int ours, int theirs, TlsChannel& channel) const {
    std::array<pollfd, 3> of{};
    const bool is_open = channel.state() == TlsChannel::State::kOpen;
    of[1] = {.fd = ours, .events = POLLIN, .revents = 0};
    of[2] = {.fd = is_open ? theirs : -1, .events = POLLIN, .revents = 0};
    if (Wait(of)) {
      return false;
    }
    std::array<std::byte, 16384> bytes;
    if (of[1].revents != 0) {
      const ssize_t got = ::recv(ours, bytes.data(), bytes.size(), 0);
      if (got <= 0) {
        return false;
      }
      channel.Feed(std::span(bytes).first(static_cast<std::size_t>(got)));
      while (const std::size_t read = channel.Read(bytes)) {
        FLATLINE_CHECK(::send(theirs, bytes.data(), read, MSG_NOSIGNAL) ==
                       static_cast<ssize_t>(read));
      }
    }
    if (of[2].revents != 0) {
      const ssize_t got = ::recv(theirs, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) {
        return false;
      }
      channel.Seal(std::span(bytes).first(static_cast<std::size_t>(std::max<ssize_t>(got, 0))));
    }
    Flush(ours, channel);
    return channel.state() == TlsChannel::State::kShaking ||
           channel.state() == TlsChannel::State::kOpen;
  }

  std::string behind_;
  Contexts contexts_;
  Ending ending_;
  LoopbackListener listener_;
  std::array<int, 2> end_{};
  std::thread thread_;
};

}  // namespace flatline
