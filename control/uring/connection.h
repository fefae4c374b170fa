// One connection: carries bytes between a session and its socket, with one multishot receive and
// at most one send at a time, straight from where the session has them. Used by the server. A
// session that is over is given a moment to be read to its end, then the socket closes. Ends when
// no operation of it is left: only then may it be destroyed.
#pragma once

#include "control/session.h"
#include "control/uring/ring.h"

#include <flatline/time.h>

#include <cstdint>

namespace flatline::uring {

class Connection final : public Completer {
 public:
  static constexpr Duration kLinger{1'000'000'000};

  // Takes the descriptor. `clock` outlives it: the time of the running turn.
  struct Clock {
    Instant now{};
    WallInstant wall{};
  };

  Connection(Ring& ring, int descriptor, Session& session, const Clock& clock) noexcept
      : ring_(&ring), descriptor_(descriptor), session_(&session), clock_(&clock) {}

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

  // Sends what is ready, receives what is wanted. To be called each turn.
  void Turn();

  // Ends it, as soon as the kernel has let go of its operations.
  void Close();

  [[nodiscard]] bool ended() const noexcept {
    return state_ == State::kClosing && !receiving_ && !sending_;
  }

  [[nodiscard]] Session& session() noexcept { return *session_; }

  void Complete(unsigned operation, const io_uring_cqe& completion) override;

 private:
  enum class State : std::uint8_t { kOpen, kLingering, kClosing };

  enum Operation : std::uint8_t { kReceive = 1, kSend = 2 };

  void Receive();
  void Send();
  void Received(const io_uring_cqe& completion);
  void Sent(int result);
  void CancelReceive();

  Ring* ring_;
  int descriptor_;
  Session* session_;
  const Clock* clock_;
  State state_ = State::kOpen;
  Instant linger_until_{};
  bool receiving_ = false;
  bool cancelling_ = false;
  bool sending_ = false;
};

}  // namespace flatline::uring
