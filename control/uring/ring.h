// One io_uring: submissions, completions, and the buffers that the kernel puts received bytes in.
// Used by the thread that created it alone (SINGLE_ISSUER, DEFER_TASKRUN): completions happen in
// Wait and nowhere else. Bounds: kEntries submissions between two system calls, kBuffers receives
// not yet given back. Cost: one system call a Wait, whatever it carries.
//
// A filter of system calls does not see what a ring is asked to do, so each ring has restrictions
// of its own, registered before it is enabled and never to be lifted: the operations of its use,
// and nothing more to be registered. Any other operation completes with EACCES.
#pragma once

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include <liburing.h>

namespace flatline::uring {

// Who is told of a completion. Alive until the last one of its operations.
class alignas(8) Completer {
 public:
  virtual ~Completer() = default;

  // `operation` is what it was submitted with, below 8.
  virtual void Complete(unsigned operation, const io_uring_cqe& completion) = 0;

 protected:
  Completer() = default;
  Completer(const Completer&) = default;
  Completer& operator=(const Completer&) = default;
};

class Ring {
 public:
  static constexpr unsigned kEntries = 1024;
  static constexpr unsigned kCompletions = 8192;
  static constexpr unsigned kBuffers = 256;  // power of two
  static constexpr std::size_t kBufferSize = std::size_t{16} << 10;
  static constexpr int kBufferGroup = 0;

  enum class Use : std::uint8_t {
    kListening,  // accepts connections, has the journal synced
    kServing,    // receives, sends, hears the bell
  };

  // The error says what is forbidden here, and who can permit it.
  [[nodiscard]] static std::expected<std::unique_ptr<Ring>, std::string> Create(Use use);

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // A submission to fill in, already addressed to `completer`. After prep: see Address.
  [[nodiscard]] io_uring_sqe& Next();

  // To be called after io_uring_prep_…, which clears it.
  static void Address(io_uring_sqe& submission, Completer& completer, unsigned operation) noexcept {
    io_uring_sqe_set_data64(&submission, TagOf(completer, operation));
  }

  // Asks for an operation of `completer` to end.
  void Cancel(Completer& completer, unsigned operation);

  // Submits, waits until something is complete or `timeout` has passed, tells the completers.
  // Returns how many completions there were.
  std::size_t Wait(Duration timeout);

  // The received bytes of a completion that has a buffer, and giving it back.
  [[nodiscard]] std::span<const std::byte> BufferOf(const io_uring_cqe& completion) const noexcept;
  void Return(const io_uring_cqe& completion) noexcept;

 private:
  Ring() = default;

  [[nodiscard]] std::expected<void, std::string> Register();
  [[nodiscard]] std::expected<void, std::string> Restrict(Use use);

  static std::uint64_t TagOf(Completer& completer, unsigned operation) noexcept {
    return reinterpret_cast<std::uintptr_t>(&completer) | operation;
  }

  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };

  io_uring ring_{};
  bool is_open_ = false;
  std::unique_ptr<io_uring_buf_ring, Free> buffer_ring_;
  std::unique_ptr<std::byte, Free> buffers_;
};

}  // namespace flatline::uring
