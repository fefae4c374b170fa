// One connection: carries bytes between a session and its socket, with one multishot receive and
// at most one send at a time, straight from where the session has them. Used by the server of its
// thread. A session that is over is given a moment to be read to its end, then the socket closes.
// Ends when no operation of it is left: only then may it be destroyed.
#pragma once

#include "control/session.h"
#include "control/uring/ring.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatline::uring {

class Connection final : public Completer, public Carrier {
 public:
  static constexpr Duration kLinger{1'000'000'000};
  // Read meanwhile, and thrown away: bytes that were under way when it ended, not an endless text.
  static constexpr std::size_t kMostDrained = std::size_t{256} << 10;

  // What the connections of one thread share: the time of the running turn, and who has come to
  // need something other than the outlet's attention.
  struct Turnover {
    Instant now{};
    WallInstant wall{};
    std::vector<Connection*> lingering;  // to be attended to from time to time
    std::vector<Connection*> ended;      // to be destroyed
  };

  // Takes the descriptor. `turnover` outlives it.
  Connection(Ring& ring, int descriptor, Session& session, Turnover& turnover) noexcept
      : ring_(&ring), descriptor_(descriptor), session_(&session), turnover_(&turnover) {
    session.CarryBy(*this);
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

  // Hears the other end from now on. `place`: where its owner keeps it.
  void Begin(std::size_t place) {
    place_ = place;
    Attend();
  }

  void MoveTo(std::size_t place) noexcept { place_ = place; }

  [[nodiscard]] std::size_t place() const noexcept { return place_; }

  // Sends what is ready, receives what is wanted, closes when it is over.
  void Attend() override;

  // Ends it, as soon as the kernel has let go of its operations.
  void Close();

  [[nodiscard]] bool lingers() const noexcept { return state_ == State::kLingering; }

  [[nodiscard]] Session& session() noexcept { return *session_; }

  void Complete(unsigned operation, const io_uring_cqe& completion) override;

 private:
  enum class State : std::uint8_t { kOpen, kLingering, kClosing };

  enum Operation : std::uint8_t { kReceive = 1, kSend = 2 };

  void Receive();
  void Send();
  void Received(const io_uring_cqe& completion);
  void Sent(int result);
  void AttendOpen();
  void Linger();
  void CancelReceive();
  void EndIfIdle();

  Ring* ring_;
  int descriptor_;
  Session* session_;
  Turnover* turnover_;
  std::size_t place_ = 0;
  State state_ = State::kOpen;
  Instant linger_until_{};
  std::size_t drained_ = 0;
  bool receiving_ = false;
  bool cancelling_ = false;
  bool sending_ = false;
  bool has_ended_ = false;
};

}  // namespace flatline::uring
