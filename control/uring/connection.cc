#include "control/uring/connection.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace flatline::uring {

Connection::Connection(Ring& ring,
                       int descriptor,
                       Session& session,
                       Turnover& turnover,
                       std::shared_ptr<const TlsContext> tls)
    : ring_(&ring),
      descriptor_(descriptor),
      session_(&session),
      turnover_(&turnover),
      tls_(std::move(tls)) {
  session.CarryBy(*this);
}

Connection::~Connection() {
  ::close(descriptor_);
}

void Connection::AttendOpen() {
  if (session_->IsStuck(turnover_->now)) {
    Close();
    return;
  }
  if (tls_) {
    AttendSealed();
    return;
  }
  if (!sending_ && !session_->ready().empty()) {
    Send(session_->ready());
  }
  if (!sending_ && session_->finished()) {
    Linger();
  }
}

void Connection::Attend() {
  if (state_ == State::kOpen) {
    AttendOpen();
  }
  if (state_ == State::kLingering && turnover_->now >= linger_until_) {
    Close();
  }
  if (state_ == State::kClosing) {
    return;
  }
  const bool wants =
      state_ == State::kLingering ? drained_ < kMostDrained : session_->wants_bytes();
  if (wants && !receiving_) {
    Receive();
  } else if (!wants && receiving_) {
    CancelReceive();
  }
}

// Closing at once could take the error frame from a peer that has not read it yet.
void Connection::Linger() {
  ::shutdown(descriptor_, SHUT_WR);
  state_ = State::kLingering;
  linger_until_ = turnover_->now + kLinger;
  turnover_->lingering.push_back(this);
}

void Connection::Receive() {
  io_uring_sqe& submission = ring_->Next();
  io_uring_prep_recv_multishot(&submission, descriptor_, nullptr, 0, 0);
  submission.flags |= IOSQE_BUFFER_SELECT;
  submission.buf_group = Ring::kBufferGroup;
  Ring::Address(submission, *this, kReceive);
  receiving_ = true;
  cancelling_ = false;
}

void Connection::CancelReceive() {
  if (!cancelling_) {
    ring_->Cancel(*this, kReceive);
    cancelling_ = true;
  }
}

void Connection::Send(std::span<const std::byte> bytes) {
  io_uring_sqe& submission = ring_->Next();
  io_uring_prep_send(&submission, descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (!tls_ && session_->ready_is_cold()) {
    submission.flags |= IOSQE_ASYNC;  // reading it from the disk must not hold the others up
  }
  Ring::Address(submission, *this, kSend);
  sending_ = true;
}

void Connection::Complete(unsigned operation, const io_uring_cqe& completion) {
  if (operation == kReceive) {
    Received(completion);
  } else {
    Sent(completion.res);
  }
  EndIfIdle();
}

void Connection::Received(const io_uring_cqe& completion) {
  const auto bytes = ring_->BufferOf(completion);
  if (!bytes.empty() && state_ == State::kOpen) {
    if (tls_) {
      Unseal(bytes);
    } else {
      session_->Receive(bytes, turnover_->now, turnover_->wall);
    }
  } else {
    drained_ += bytes.size();
  }
  ring_->Return(completion);
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    receiving_ = false;
  }
  const int result = completion.res;
  const bool is_passing = result == -ENOBUFS || result == -EINTR || result == -EAGAIN ||
                          (result == -ECANCELED && cancelling_);
  if (result == 0 || (result < 0 && !is_passing)) {
    Close();
  } else if (state_ != State::kClosing) {
    Attend();  // there may be an answer; and the receive may have to be asked for again
  }
}

void Connection::Sent(int result) {
  sending_ = false;
  if (result < 0 && result != -EINTR && result != -EAGAIN) {
    Close();
    return;
  }
  if (tls_) {
    SentSealed(static_cast<std::size_t>(std::max(result, 0)));
    return;
  }
  if (result > 0) {
    session_->Sent(static_cast<std::size_t>(result), turnover_->now);
  }
  if (state_ == State::kOpen && !session_->ready().empty()) {
    Send(session_->ready());  // the rest
  }
}

void Connection::Close() {
  if (state_ == State::kClosing) {
    return;
  }
  state_ = State::kClosing;
  ::shutdown(descriptor_, SHUT_RDWR);  // ends a send that waits for room
  if (receiving_) {
    CancelReceive();
  } else {
    EndIfIdle();
  }
}

void Connection::EndIfIdle() {
  if (state_ == State::kClosing && !receiving_ && !sending_ && !step_ && !has_ended_) {
    has_ended_ = true;
    turnover_->ended.push_back(this);
  }
}

}  // namespace flatline::uring
