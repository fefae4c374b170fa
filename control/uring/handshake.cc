#include "control/uring/handshake.h"

#include <utility>

namespace flatline::uring {

void Handshake::Start(std::unique_ptr<TlsChannel> channel,
                      std::vector<std::byte> ciphertext,
                      const Run& run,
                      std::function<void()> when_done) {
  channel_ = std::move(channel);
  ciphertext_ = std::move(ciphertext);
  is_done_.store(false, std::memory_order_relaxed);
  run([self = shared_from_this(), when_done = std::move(when_done)] {
    self->Step();
    when_done();
  });
}

void Handshake::Step() {
  if (!channel_) {
    channel_ = std::make_unique<TlsChannel>(context_);
  }
  channel_->Feed(ciphertext_);
  channel_->Advance();
  is_done_.store(true, std::memory_order_release);
}

std::unique_ptr<TlsChannel> Handshake::Take() noexcept {
  is_done_.store(false, std::memory_order_relaxed);
  return std::move(channel_);
}

}  // namespace flatline::uring
