// One step of a TLS handshake, taken away from the publisher's thread: the channel is made, fed
// with what has come and advanced on another, for signing takes longer than
// subscribers should wait. Used by a connection: Start, then Take when it is done; in between the
// channel is the step's alone. Shared with the task, so that a connection may go meanwhile. Bounds:
// what it is given. Cost: a good half of a millisecond of another core, a task and a ring of the
// bell.
//
//   idle --Start--> running --(on any thread)--> done --Take--> idle
#pragma once

#include "control/tls/channel.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace flatline::uring {

class Handshake : public std::enable_shared_from_this<Handshake> {
 public:
  // Runs a task, soon or at once, on any thread.
  using Run = std::function<void(std::function<void()> task)>;

  explicit Handshake(std::shared_ptr<const TlsContext> context) : context_(std::move(context)) {}

  // `channel` null: it is the first step. `when_done` is called on that thread.
  void Start(std::unique_ptr<TlsChannel> channel,
             std::vector<std::byte> ciphertext,
             const Run& run,
             std::function<void()> when_done);

  [[nodiscard]] bool is_done() const noexcept { return is_done_.load(std::memory_order_acquire); }

  // Once it is done.
  [[nodiscard]] std::unique_ptr<TlsChannel> Take() noexcept;

 private:
  void Step();

  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<TlsChannel> channel_;
  std::vector<std::byte> ciphertext_;
  std::atomic<bool> is_done_{false};
};

}  // namespace flatline::uring
