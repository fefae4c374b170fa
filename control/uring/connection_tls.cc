// A connection's way over TLS: at most one bounded piece is sealed and on its way, and the session
// hears of it when all of it has gone. While it shakes hands the channel is either here, and
// something of it may be on its way, or in the background, and what comes meanwhile waits.
#include "control/uring/connection.h"

#include <algorithm>
#include <array>
#include <utility>

namespace flatline::uring {

void Connection::AttendSealed() {
  if (sending_ || step_) {
    return;
  }
  if (is_shaking()) {
    if (!session_->ready().empty()) {
      session_->dismissals().CountUnshaken("found no end of a handshake within 10 seconds");
      Close();
      return;
    }
    if (channel_) {
      SendSealed();
    }
    if (!sending_ && !unfed_.empty()) {
      AwaitHandshake();
    }
    return;
  }
  if (session_->finished()) {
    channel_->End();
  }
  SendSealed();
  const bool has_failed = channel_->state() == TlsChannel::State::kFailed;
  if (!sending_ && (session_->finished() || has_failed)) {
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
  if (!step_ && !is_shaking()) {
    if (channel_->state() != TlsChannel::State::kFailed) {
      channel_->Feed(ciphertext);
      Open();
    }
    return;
  }
  if (unfed_.size() + ciphertext.size() > TlsChannel::kMostUnread) {
    session_->dismissals().CountUnshaken("found more than a handshake, and no end of it");
    Close();
    return;
  }
  unfed_.insert(unfed_.end(), ciphertext.begin(), ciphertext.end());
  if (!sending_ && !step_) {
    AwaitHandshake();
  }
}

void Connection::AwaitHandshake() {
  if (!std::exchange(awaits_handshake_, true)) {
    turnover_->shaking.push_back(this);
  }
}

bool Connection::Shake() {
  awaits_handshake_ = false;
  if (state_ != State::kOpen || !tls_ || sending_ || unfed_.empty()) {
    return false;
  }
  step_ = std::make_shared<Handshake>(tls_);
  step_->Start(std::move(channel_), std::exchange(unfed_, {}), turnover_->run, turnover_->wake);
  return true;
}

bool Connection::TakeStep() {
  if (!has_step()) {
    return false;
  }
  channel_ = step_->Take();
  step_.reset();
  if (state_ == State::kOpen) {
    GoOnFromStep();
  }
  EndIfIdle();
  return true;
}

void Connection::GoOnFromStep() {
  if (channel_->was_addressed_in_the_clear()) {
    // Nothing but this word is said in the clear.
    channel_.reset();
    tls_.reset();
    session_->Dismiss({DeliveryError::kWrongTransport, "this address speaks TLS 1.3 only"});
  } else if (!is_shaking()) {
    channel_->Feed(std::exchange(unfed_, {}));
    Open();
  }
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
