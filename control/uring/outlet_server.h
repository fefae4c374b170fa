// The sockets of one publisher thread: its ring, and the connections that carry bytes to and from
// its outlet's sessions. Used by that thread: Serve, then Wait, turn by turn; connections are
// handed over to it by the control loop, and its bell is rung by anybody. Cost of an idle turn: one
// system call.
#pragma once

#include "control/delivery/outlet.h"
#include "control/service.h"
#include "control/uring/connection.h"
#include "control/uring/ring.h"

#include <flatline/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace flatline::uring {

// Where what takes long is done, away from the threads that serve.
struct Elsewhere {
  SnapshotJob::Run snapshots;
  Handshake::Run handshakes;
};

class OutletServer final : private Completer {
 public:
  // New connections that it takes in one turn.
  static constexpr std::size_t kMostArrivals = 64;

  // On the thread that is to use it.
  [[nodiscard]] static std::expected<std::unique_ptr<OutletServer>, std::string> Create(
      Service& service, const Elsewhere& elsewhere);

  OutletServer(const OutletServer&) = delete;
  OutletServer& operator=(const OutletServer&) = delete;
  ~OutletServer() override;

  // By any thread: a connection to serve from now on; over TLS, where there is a context for it.
  void HandOver(int descriptor, Session::Origin origin, std::shared_ptr<const TlsContext> tls);

  // By any thread: those it has and those it is about to have.
  [[nodiscard]] std::size_t connections() const noexcept { return count_.load(); }

  // Its ring ends a Wait.
  [[nodiscard]] const std::shared_ptr<Bell>& bell() const noexcept { return outlet_->bell(); }

  // Takes what was handed over, has the outlet prepare what there is to send, takes leave of
  // connections that ended.
  void Serve(Instant now, WallInstant wall);

  // Lets the kernel work, until there is something to do or it is time for the next turn, at most
  // until `most` has passed.
  void Wait(Duration most);

 private:
  struct Arrival {
    int descriptor;
    Session::Origin origin;
    std::shared_ptr<const TlsContext> tls;
  };

  explicit OutletServer(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) {}

  void ListenToBell();
  void TakeArrivals();
  [[nodiscard]] bool HasArrivals();
  void Shake();
  [[nodiscard]] bool MayShake() const noexcept;
  void Bury();
  void Complete(unsigned operation, const io_uring_cqe& completion) override;

  std::unique_ptr<Ring> ring_;
  int bell_descriptor_ = -1;
  std::uint64_t bell_count_ = 0;
  bool listens_to_bell_ = false;
  std::unique_ptr<Outlet> outlet_;
  Connection::Turnover turnover_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;  // of arrivals_
  std::deque<Arrival> arrivals_;
};

}  // namespace flatline::uring
