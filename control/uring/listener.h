// A socket that takes connections, by one multishot accept: TCP over IPv4 or IPv6, or a Unix
// socket. Made at start, used by the control loop. A Unix socket that a dead predecessor left is
// replaced, one that somebody answers on is not, nor is a file of another kind. One that somebody
// removes meanwhile is made anew within a second. Where the kernel
// hands over none (this process has no descriptor left, say), it is asked again kPause later, and
// who waits in the queue is not lost. Errors are one line.
#pragma once

#include "control/delivery/session.h"
#include "control/uring/ring.h"

#include <flatline/time.h>

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace flatline::uring {

class Listener final : public Completer {
 public:
  // Given a new socket, which is then his.
  using OnAccept = std::function<void(int descriptor, Session::Origin origin)>;

  // "127.0.0.1:17997", "[::1]:17997"; with port 0 the kernel chooses.
  [[nodiscard]] static std::expected<std::unique_ptr<Listener>, std::string> ListenTcp(
      Ring& ring, const std::string& address, OnAccept on_accept);

  // Mode 0660; its directory is made if need be.
  [[nodiscard]] static std::expected<std::unique_ptr<Listener>, std::string> ListenUnix(
      Ring& ring, const std::string& path, OnAccept on_accept);

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() override;

  static constexpr Duration kPause{100'000'000};
  static constexpr Duration kComplaintInterval{10'000'000'000};

  static constexpr Duration kLook{1'000'000'000};

  // Asks for connections, unless that has been done. To be called each turn.
  void Arm(Instant now);

  void Complete(unsigned operation, const io_uring_cqe& completion) override;

  // The TCP port in use.
  [[nodiscard]] int port() const noexcept { return port_; }

 private:
  // Which file the path leads to.
  struct Place {
    dev_t device = 0;
    ino_t inode = 0;

    bool operator==(const Place&) const = default;
  };

  [[nodiscard]] static std::optional<Place> PlaceOf(const std::string& path);
  void LookForPath(Instant now);
  [[nodiscard]] std::string ListenAnew();

  Listener(Ring& ring, int descriptor, Session::Origin origin, OnAccept on_accept)
      : ring_(&ring), descriptor_(descriptor), origin_(origin), on_accept_(std::move(on_accept)) {}

  Ring* ring_;
  int descriptor_;
  Session::Origin origin_;
  OnAccept on_accept_;
  std::string path_;  // to be removed at the end; empty for TCP
  Place place_{};
  Instant look_at_{};
  Instant complain_of_path_at_{};
  int port_ = 0;
  bool armed_ = false;
  int fault_ = 0;  // errno of the last attempt, until it has been seen to
  Instant retry_at_{};
  Instant complain_at_{};
};

}  // namespace flatline::uring
