// A connection's way over TLS: at most one bounded piece is sealed and on its way, and the session
// hears of it when all of it has gone.
#include "control/uring/connection.h"

#include <algorithm>
#include <array>
#include <utility>

namespace flatline::uring {

void Connection::AttendSealed() {
  if (sending_) {
    return;
  }
  const TlsChannel::State state = channel_->state();
  if (state == TlsChannel::State::kShaking && !session_->ready().empty()) {
    session_->dismissals().CountUnshaken("found no end of a handshake within 10 seconds");
    Close();
    return;
  }
  if (session_->finished()) {
    channel_->End();
  }
  SendSealed();
  if (!sending_ && (session_->finished() || state == TlsChannel::State::kFailed)) {
    Linger();
  }
}

void Connection::SendSealed() {
  if (channel_->outgoing().empty() && channel_->state() == TlsChannel::State::kOpen) {
    const auto ready = session_->ready();
    sealed_ = std::min(ready.size(), kMostSealed);
    channel_->Seal(ready.first(sealed_));
  }
  if (const auto bytes = channel_->outgoing(); !bytes.empty()) {
    Send(bytes);
  }
}

void Connection::SentSealed(std::size_t bytes) {
  channel_->Sent(bytes);
  if (bytes != 0) {
    session_->Moves(turnover_->now);
  }
  if (channel_->outgoing().empty() && sealed_ != 0) {
    session_->Sent(std::exchange(sealed_, 0), turnover_->now);
  }
  if (state_ == State::kOpen) {
    Attend();  // the rest, or the end
  }
}

void Connection::Unseal(std::span<const std::byte> ciphertext) {
  if (channel_->state() == TlsChannel::State::kFailed) {
    return;
  }
  channel_->Feed(ciphertext);
  if (channel_->was_addressed_in_the_clear()) {
    // Nothing but this word is said in the clear.
    channel_.reset();
    session_->Dismiss({DeliveryError::kWrongTransport, "this address speaks TLS 1.3 only"});
    return;
  }
  if (channel_->state() != TlsChannel::State::kShaking) {
    Open();
  } else if (!awaits_handshake_) {
    Shake();
  }
}

void Connection::Shake() {
  awaits_handshake_ = false;
  if (state_ != State::kOpen || !channel_ || channel_->state() != TlsChannel::State::kShaking) {
    return;
  }
  if (turnover_->handshakes == 0) {
    awaits_handshake_ = true;
    turnover_->shaking.push_back(this);
    return;
  }
  channel_->Advance();
  if (!channel_->outgoing().empty()) {
    --turnover_->handshakes;  // it has signed
  }
  Open();
  Attend();
}

// What can be read by now; a record that is not whole waits.
void Connection::Open() {
  std::array<std::byte, Ring::kBufferSize> plaintext;
  while (const std::size_t size = channel_->Read(plaintext)) {
    session_->Receive(std::span(plaintext).first(size), turnover_->now, turnover_->wall);
  }
  if (channel_->state() == TlsChannel::State::kEnded) {
    Close();
  } else if (channel_->state() == TlsChannel::State::kFailed) {
    session_->dismissals().CountUnshaken(channel_->fault());
    if (sending_) {
      Close();  // there is no room for an alert
    }
  }
}

}  // namespace flatline::uring
