#include "control/uring/ring.h"

#include <flatline/check.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <system_error>
#include <tuple>

namespace flatline::uring {
namespace {

constexpr std::uint64_t kOperationMask = 7;
constexpr std::size_t kPage = 4096;

std::string WhyNot(int number) {
  std::string setting;
  std::ifstream("/proc/sys/kernel/io_uring_disabled") >> setting;
  if (number == EPERM && setting != "0" && !setting.empty()) {
    return fmt::format(
        "io_uring: needed permission to use it, found kernel.io_uring_disabled = {}; set it to 0 "
        "(sysctl -w kernel.io_uring_disabled=0), or to 1 with this user in kernel.io_uring_group",
        setting);
  }
  if (number == EPERM || number == EACCES) {
    return "io_uring: needed permission to use it, found it forbidden (a container's seccomp "
           "profile, most likely); run the container with a profile that permits io_uring_setup, "
           "io_uring_enter and io_uring_register, or with --security-opt seccomp=unconfined";
  }
  if (number == ENOMEM) {
    return "io_uring: needed locked memory for a ring, found the limit reached; raise "
           "RLIMIT_MEMLOCK (LimitMEMLOCK= in the unit file)";
  }
  if (number == EMFILE || number == ENFILE) {
    return "io_uring: needed a file descriptor for a ring, found none left; raise the limit "
           "of open files (LimitNOFILE= in the unit file)";
  }
  return fmt::format(
      "io_uring: needed Linux 6.1 or newer with io_uring, found: {}; use such a kernel",
      std::generic_category().message(number));
}

// What a ring of each use is ever asked to do, by Use.
using Operations = std::array<std::uint8_t, 4>;
constexpr std::array<Operations, 2> kOperations{
    {{IORING_OP_ACCEPT, IORING_OP_FSYNC, IORING_OP_ASYNC_CANCEL, IORING_OP_ASYNC_CANCEL},
     {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_READ, IORING_OP_ASYNC_CANCEL}}};

}  // namespace

std::expected<std::unique_ptr<Ring>, std::string> Ring::Create(Use use) {
  std::unique_ptr<Ring> out(new Ring);
  io_uring_params parameters{};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
  parameters.cq_entries = kCompletions;
  if (const int result = io_uring_queue_init_params(kEntries, &out->ring_, &parameters);
      result < 0) {
    return std::unexpected(WhyNot(-result));
  }
  out->is_open_ = true;
  if (auto registered = out->Register(); !registered) {
    return std::unexpected(std::move(registered.error()));
  }
  if (auto restricted = out->Restrict(use); !restricted) {
    return std::unexpected(std::move(restricted.error()));
  }
  return out;
}

// Nothing has been submitted yet: a ring that is disabled takes nothing. Who enables it is the one
// that may submit. No IORING_RESTRICTION_REGISTER_OP: then nothing can be registered any more.
std::expected<void, std::string> Ring::Restrict(Use use) {
  std::array<io_uring_restriction, std::tuple_size_v<Operations> + 1> restrictions{};
  for (std::size_t i = 0; i < std::tuple_size_v<Operations>; ++i) {
    restrictions[i].opcode = IORING_RESTRICTION_SQE_OP;
    restrictions[i].sqe_op = kOperations[static_cast<std::size_t>(use)][i];
  }
  restrictions.back().opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  restrictions.back().sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_ASYNC;
  // Not by liburing's functions for the two: Debian 12's library does not export them.
  int result = io_uring_register(ring_.ring_fd,
                                 IORING_REGISTER_RESTRICTIONS,
                                 restrictions.data(),
                                 static_cast<unsigned>(restrictions.size()));
  if (result >= 0) {
    result = io_uring_register(ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  }
  if (result < 0) {
    return std::unexpected(WhyNot(-result));
  }
  return {};
}

std::expected<void, std::string> Ring::Register() {
  buffer_ring_.reset(
      static_cast<io_uring_buf_ring*>(std::aligned_alloc(kPage, kBuffers * sizeof(io_uring_buf))));
  buffers_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, kBuffers * kBufferSize)));
  if (!buffer_ring_ || !buffers_) {
    return std::unexpected("io_uring: needed 4 MiB for receive buffers, found none; free memory");
  }
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_.get());
  registration.ring_entries = kBuffers;
  registration.bgid = kBufferGroup;
  if (const int result = io_uring_register_buf_ring(&ring_, &registration, 0); result < 0) {
    return std::unexpected(WhyNot(-result));
  }
  io_uring_buf_ring_init(buffer_ring_.get());
  for (unsigned i = 0; i < kBuffers; ++i) {
    io_uring_buf_ring_add(buffer_ring_.get(),
                          buffers_.get() + i * kBufferSize,
                          kBufferSize,
                          static_cast<std::uint16_t>(i),
                          io_uring_buf_ring_mask(kBuffers),
                          static_cast<int>(i));
  }
  io_uring_buf_ring_advance(buffer_ring_.get(), kBuffers);
  return {};
}

Ring::~Ring() {
  if (is_open_) {
    io_uring_queue_exit(&ring_);
  }
}

io_uring_sqe& Ring::Next() {
  io_uring_sqe* out = io_uring_get_sqe(&ring_);
  if (out == nullptr) {
    io_uring_submit(&ring_);
    out = io_uring_get_sqe(&ring_);
  }
  FLATLINE_CHECK(out != nullptr);  // a submission empties the queue
  return *out;
}

void Ring::Cancel(Completer& completer, unsigned operation) {
  io_uring_sqe& submission = Next();
  io_uring_prep_cancel64(&submission, TagOf(completer, operation), 0);
  io_uring_sqe_set_data64(&submission, 0);  // nobody wants to know
}

std::size_t Ring::Wait(Duration timeout) {
  if (timeout <= Duration{}) {
    io_uring_submit_and_get_events(&ring_);
  } else {
    constexpr std::int64_t kSecond = 1'000'000'000;
    __kernel_timespec limit{};
    limit.tv_sec = timeout.count() / kSecond;
    limit.tv_nsec = timeout.count() % kSecond;
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  }
  std::size_t count = 0;
  std::array<io_uring_cqe*, 64> batch{};
  while (const unsigned ready = io_uring_peek_batch_cqe(&ring_, batch.data(), batch.size())) {
    for (unsigned i = 0; i < ready; ++i) {
      const io_uring_cqe completion = *batch[i];
      const std::uint64_t tag = completion.user_data;
      if (tag != 0) {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel hands integers back
        auto* const completer = reinterpret_cast<Completer*>(tag & ~kOperationMask);
        completer->Complete(static_cast<unsigned>(tag & kOperationMask), completion);
      }
    }
    io_uring_cq_advance(&ring_, ready);
    count += ready;
  }
  return count;
}

std::span<const std::byte> Ring::BufferOf(const io_uring_cqe& completion) const noexcept {
  if ((completion.flags & IORING_CQE_F_BUFFER) == 0 || completion.res <= 0) {
    return {};
  }
  const std::size_t index = completion.flags >> IORING_CQE_BUFFER_SHIFT;
  return {buffers_.get() + index * kBufferSize, static_cast<std::size_t>(completion.res)};
}

void Ring::Return(const io_uring_cqe& completion) noexcept {
  if ((completion.flags & IORING_CQE_F_BUFFER) == 0) {
    return;
  }
  const std::size_t index = completion.flags >> IORING_CQE_BUFFER_SHIFT;
  io_uring_buf_ring_add(buffer_ring_.get(),
                        buffers_.get() + index * kBufferSize,
                        kBufferSize,
                        static_cast<std::uint16_t>(index),
                        io_uring_buf_ring_mask(kBuffers),
                        0);
  io_uring_buf_ring_advance(buffer_ring_.get(), 1);
}

}  // namespace flatline::uring
