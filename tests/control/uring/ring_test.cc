// What a ring takes and what it refuses, whatever its user asks of it. Skips where the kernel
// forbids rings.
#include "control/uring/ring.h"

#include "tests/resource_limit.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace flatline::uring {
namespace {

class RingTest : public testing::TestWithParam<Ring::Use>, private Completer {
 public:
  ~RingTest() override {
    for (const int end : ends_) {
      ::close(end);
    }
  }

 protected:
  using Prepare = std::function<void(io_uring_sqe&)>;

  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
    auto ring = Ring::Create(GetParam());
    if (!ring) {
      GTEST_SKIP() << ring.error();
    }
    ring_ = std::move(*ring);
  }

  // What becomes of one operation.
  int Submit(const Prepare& prepare) {
    result_.reset();
    io_uring_sqe& submission = ring_->Next();
    prepare(submission);
    Ring::Address(submission, *this, 1);
    for (int turn = 0; turn < 100 && !result_; ++turn) {
      ring_->Wait(Duration{100'000'000});
    }
    return result_.value_or(-ETIMEDOUT);
  }

  // The descriptor of the ring, as somebody who has taken over the process would look for it.
  static int RingDescriptor() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      if (std::filesystem::read_symlink(entry, error) == "anon_inode:[io_uring]") {
        return std::stoi(entry.path().filename());
      }
    }
    return -1;
  }

  [[nodiscard]] bool serves() const { return GetParam() == Ring::Use::kServing; }

  std::array<int, 2> ends_{-1, -1};
  std::unique_ptr<Ring> ring_;

 private:
  void Complete(unsigned /*operation*/, const io_uring_cqe& completion) override {
    result_ = completion.res;
  }

  std::optional<int> result_;
};

INSTANTIATE_TEST_SUITE_P(Uses,
                         RingTest,
                         testing::Values(Ring::Use::kListening, Ring::Use::kServing));

TEST_P(RingTest, DoesWhatItIsFor) {
  std::array<char, 8> room{};
  const Prepare send = [&](io_uring_sqe& it) {
    io_uring_prep_send(&it, ends_[0], "beat", 4, MSG_NOSIGNAL);
  };
  const Prepare read = [&](io_uring_sqe& it) {
    io_uring_prep_read(&it, ends_[1], room.data(), room.size(), 0);
  };
  const int own = ::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  const Prepare sync = [&](io_uring_sqe& it) { io_uring_prep_fsync(&it, own, 0); };
  if (serves()) {
    EXPECT_EQ(Submit(send), 4);
    EXPECT_EQ(Submit(read), 4);
    EXPECT_EQ(Submit(sync), -EACCES);
  } else {
    EXPECT_EQ(Submit(sync), 0);
    EXPECT_EQ(Submit(send), -EACCES);
    EXPECT_EQ(Submit(read), -EACCES);
  }
  ::close(own);
}

TEST_P(RingTest, RefusesWhatNoFilterOfSystemCallsWouldSee) {
  const std::string victim = "/tmp/flatline-ring-test-" + std::to_string(::getpid());
  std::array<iovec, 1> vector{{{.iov_base = ends_.data(), .iov_len = 4}}};
  const std::array<Prepare, 7> deeds{
      [](io_uring_sqe& it) { io_uring_prep_nop(&it); },
      [&](io_uring_sqe& it) {
        io_uring_prep_openat(&it, AT_FDCWD, victim.c_str(), O_CREAT | O_RDWR, 0600);
      },
      [](io_uring_sqe& it) { io_uring_prep_socket(&it, AF_INET, SOCK_STREAM, 0, 0); },
      [&](io_uring_sqe& it) { io_uring_prep_connect(&it, ends_[0], nullptr, 0); },
      [&](io_uring_sqe& it) { io_uring_prep_writev(&it, ends_[0], vector.data(), 1, 0); },
      [&](io_uring_sqe& it) { io_uring_prep_unlinkat(&it, AT_FDCWD, victim.c_str(), 0); },
      [&](io_uring_sqe& it) { io_uring_prep_close(&it, ends_[0]); },
  };
  for (std::size_t i = 0; i < deeds.size(); ++i) {
    EXPECT_EQ(Submit(deeds[i]), -EACCES) << "deed " << i;
  }
  EXPECT_FALSE(std::filesystem::exists(victim));
}

TEST_P(RingTest, SaysThatDescriptorsAreWhatIsMissing) {
  std::string found;
  {
    const NoDescriptors limit;
    const auto ring = Ring::Create(GetParam());
    found = ring ? "a ring" : ring.error();
  }
  EXPECT_NE(found.find("raise the limit of open files"), std::string::npos) << found;
}

TEST_P(RingTest, TakesNoOtherFlags) {
  EXPECT_EQ(Submit([&](io_uring_sqe& it) {
              if (serves()) {
                io_uring_prep_send(&it, ends_[0], "beat", 4, MSG_NOSIGNAL);
              } else {
                io_uring_prep_fsync(&it, ends_[0], 0);
              }
              it.flags |= IOSQE_FIXED_FILE;
            }),
            -EACCES);
}

TEST_P(RingTest, NothingCanBeRegisteredAnyMore) {
  const int descriptor = RingDescriptor();
  ASSERT_GE(descriptor, 0);
  std::array<iovec, 1> vector{{{.iov_base = ends_.data(), .iov_len = sizeof ends_}}};
  EXPECT_EQ(
      ::syscall(SYS_io_uring_register, descriptor, IORING_REGISTER_BUFFERS, vector.data(), 1U), -1);
  EXPECT_EQ(errno, EACCES);
  io_uring_restriction more{};
  more.opcode = IORING_RESTRICTION_SQE_OP;
  more.sqe_op = IORING_OP_OPENAT;
  EXPECT_EQ(::syscall(SYS_io_uring_register, descriptor, IORING_REGISTER_RESTRICTIONS, &more, 1U),
            -1)
      << "restrictions are for ever";
}

}  // namespace
}  // namespace flatline::uring
