// The sockets of control: listeners and connections on one ring, which carry bytes to and from the
// service's sessions. Used by the control loop: Serve, then Wait, turn by turn. Single-threaded.
// Bounds: as many connections as the service has sessions; others are closed at once. Cost of an
// idle turn: a look at every connection, and one system call.
#pragma once

#include "control/service.h"
#include "control/uring/connection.h"
#include "control/uring/listener.h"
#include "control/uring/ring.h"

#include <flatline/config.h>
#include <flatline/time.h>

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace flatline::uring {

class Server final : private Completer {
 public:
  // Listens on all that the configuration names.
  [[nodiscard]] static std::expected<std::unique_ptr<Server>, std::string> Create(
      const ControlConfig& config, Service& service);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() override;

  // Sends what the sessions have ready, takes leave of those that ended. After the service's turn,
  // as of the same instant.
  void Serve(Instant now, WallInstant wall);

  // Lets the kernel work, at most until `timeout` has passed; true when anything came in or went
  // out.
  bool Wait(Duration timeout) { return ring_->Wait(timeout) != 0; }

  // Has the journal's newest records written to the disk, in the background.
  void Sync(Journal& journal);

  [[nodiscard]] const std::vector<std::unique_ptr<Listener>>& listeners() const noexcept {
    return listeners_;
  }

 private:
  Server(std::unique_ptr<Ring> ring, Service& service)
      : ring_(std::move(ring)), service_(&service) {}

  [[nodiscard]] std::expected<void, std::string> Listen(const ControlConfig& config);
  void Accept(int descriptor, Session::Origin origin);
  void Complete(unsigned operation, const io_uring_cqe& completion) override;

  std::unique_ptr<Ring> ring_;
  Service* service_;
  Connection::Clock clock_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::shared_ptr<const Segment> syncing_;
};

}  // namespace flatline::uring
