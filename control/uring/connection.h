// One connection: carries bytes between a session and its socket, with one multishot receive and
// at most one send at a time, in the clear straight from where the session has them, else by way
// of a TLS channel, which for its handshake goes to the background and comes back. Used by the
// server of its thread. A session that is over is given a moment to
// be read to its end, then the socket closes. Ends when no operation of it is left: only then may
// it be destroyed. Bounds: kMostSealed bytes are sealed ahead.
#pragma once

#include "control/delivery/session.h"
#include "control/tls/channel.h"
#include "control/uring/handshake.h"
#include "control/uring/ring.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace flatline::uring {

class Connection final : public Completer, public Carrier {
 public:
  static constexpr Duration kLinger{1'000'000'000};
  // Read meanwhile, and thrown away: bytes that were under way when it ended, not an endless text.
  static constexpr std::size_t kMostDrained = std::size_t{256} << 10;
  // Encrypted at once: four records of TLS.
  static constexpr std::size_t kMostSealed = std::size_t{64} << 10;
  // Handshakes of a thread that are under way in the background at once, a good half of a
  // millisecond each: many who come at once, or who come for this alone, wait for each other and
  // keep neither subscribers nor snapshots waiting.
  static constexpr std::size_t kMostHandshakes = 4;

  // What the connections of one thread share: the time of the running turn, and who has come to
  // need something other than the outlet's attention.
  struct Turnover {
    Instant now{};
    WallInstant wall{};
    Handshake::Run run;
    std::function<void()> wake;          // of the thread, from any other
    std::vector<Connection*> lingering;  // to be attended to from time to time
    std::deque<Connection*> shaking;     // have said something, and wait for their handshake
    std::vector<Connection*> under_way;  // a step of theirs is in the background
    std::vector<Connection*> ended;      // to be destroyed
  };

  // Takes the descriptor. `turnover` outlives it. Without a context it is in the clear.
  Connection(Ring& ring,
             int descriptor,
             Session& session,
             Turnover& turnover,
             std::shared_ptr<const TlsContext> tls);

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

  // It is its turn: a step of its handshake begins, unless there is no more to be done. True where
  // one has begun.
  [[nodiscard]] bool Shake();

  // Goes on with what came of that step. False: it is not done yet.
  [[nodiscard]] bool TakeStep();

  [[nodiscard]] bool has_step() const noexcept { return step_ && step_->is_done(); }

  [[nodiscard]] bool awaits_handshake() const noexcept { return awaits_handshake_; }

  // Ends it, as soon as the kernel has let go of its operations.
  void Close();

  [[nodiscard]] bool lingers() const noexcept { return state_ == State::kLingering; }

  [[nodiscard]] Session& session() noexcept { return *session_; }

  void Complete(unsigned operation, const io_uring_cqe& completion) override;

 private:
  enum class State : std::uint8_t { kOpen, kLingering, kClosing };

  enum Operation : std::uint8_t { kReceive = 1, kSend = 2 };

  void Receive();
  void Send(std::span<const std::byte> bytes);
  void Received(const io_uring_cqe& completion);
  void Sent(int result);
  void AttendOpen();
  void Linger();
  void CancelReceive();
  void EndIfIdle();

  // Over TLS: connection_tls.cc.
  void AttendSealed();
  void SendSealed();
  void SentSealed(std::size_t bytes);
  void Unseal(std::span<const std::byte> ciphertext);
  void Open();
  void AwaitHandshake();
  void GoOnFromStep();

  [[nodiscard]] bool is_shaking() const noexcept {
    return !channel_ || channel_->state() == TlsChannel::State::kShaking;
  }

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
  bool awaits_handshake_ = false;  // is among those of the turnover
  std::size_t sealed_ = 0;         // of the session's bytes, in what the channel has to send
  std::shared_ptr<const TlsContext> tls_;  // null: in the clear
  std::unique_ptr<TlsChannel> channel_;    // null: nothing has been said, or a step has it
  std::shared_ptr<Handshake> step_;        // null: none is under way
  std::vector<std::byte> unfed_;           // ciphertext for the next one
};

}  // namespace flatline::uring
