// The control loop's ring: it listens, hands each connection to the publisher thread that has the
// fewest, and has the journal put on the disk. Used by the control loop: Serve, then Wait, turn by
// turn. Single-threaded. Bounds: as many connections as there are subscribers, and a few more on
// the Unix socket; others are told so and closed at once. Cost of an idle turn: one system call.
#pragma once

#include "control/service.h"
#include "control/tls/credentials.h"
#include "control/uring/listener.h"
#include "control/uring/outlet_server.h"
#include "control/uring/ring.h"

#include <flatline/config.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace flatline::uring {

class Server final : private Completer {
 public:
  // Listens on all that the configuration names. The outlets outlive it, and so do the
  // credentials; null where the configuration has no TLS.
  [[nodiscard]] static std::expected<std::unique_ptr<Server>, std::string> Create(
      const ControlConfig& config,
      std::vector<OutletServer*> outlets,
      const TlsCredentials* credentials = nullptr);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() override;

  static constexpr Duration kComplaintInterval{10'000'000'000};

  // Asks for connections; says in the log that some were turned away.
  void Serve(Instant now);

  // Turned away because all places were taken, ever.
  [[nodiscard]] std::uint64_t turned_away() const noexcept { return turned_away_; }

  // Lets the kernel work, at most until `timeout` has passed; true when anything came in.
  bool Wait(Duration timeout) { return ring_->Wait(timeout) != 0; }

  // Has the journal's newest records written to the disk, in the background, and says so to it.
  void Sync(Service& service);

  [[nodiscard]] const std::vector<std::unique_ptr<Listener>>& listeners() const noexcept {
    return listeners_;
  }

 private:
  Server(std::unique_ptr<Ring> ring,
         std::size_t most_connections,
         std::vector<OutletServer*> outlets,
         const TlsCredentials* credentials)
      : ring_(std::move(ring)),
        most_connections_(most_connections),
        outlets_(std::move(outlets)),
        credentials_(credentials) {}

  [[nodiscard]] std::expected<void, std::string> Listen(const ControlConfig& config);
  void Accept(int descriptor, Session::Origin origin, bool encrypted);
  void TurnAway(int descriptor, bool encrypted);
  void Complete(unsigned operation, const io_uring_cqe& completion) override;

  std::unique_ptr<Ring> ring_;
  std::size_t most_connections_;
  std::vector<OutletServer*> outlets_;
  const TlsCredentials* credentials_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::shared_ptr<const Segment> syncing_;
  Service* sync_for_ = nullptr;
  std::uint64_t turned_away_ = 0;
  std::uint64_t told_turned_away_ = 0;  // of these in the log
  Instant complain_at_{};
};

}  // namespace flatline::uring
