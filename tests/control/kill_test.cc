// A dataplane, control and a subscriber, each a process of its own over an invented region, killed
// (SIGKILL) a thousand times: control at points between its steps and at any moment, so before and
// after an append and amid a send, with a disk that is full now and then, so in memory and on the
// way from there; the dataplane amid its writes to the ring; the subscriber amid a
// batch. What the subscriber accounted for is, over all its lives, the truth: every transition,
// in order, once.
#include "control/client/stream_position.h"
#include "control/delivery/outlet.h"
#include "control/service.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr int kKills = 1000;

void Wait(unsigned microseconds) {
  const timespec time{.tv_sec = 0, .tv_nsec = std::int64_t{microseconds} * 1000};
  ::nanosleep(&time, nullptr);
}

// What outlives the subscriber: the last sequence and the last endpoint, changed at once; and the
// first thing that was not as it should be.
struct Account {
  std::atomic<std::uint64_t> heard{0};  // sequence << 32 | endpoint
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> connections{0};
  std::atomic<bool> is_disk_full{false};
  std::atomic<std::uint64_t> turns_in_memory{0};  // of control
};

class Victim {
 public:
  template <typename Body>
  void Start(Body body) {
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() == parent) {
        body();
      }
      ::_exit(0);
    }
  }

  void Kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

  // True when it has killed itself.
  bool IsOver() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
    }
    return pid_ < 0;
  }

  ~Victim() { Kill(); }

  Victim() = default;
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

 private:
  pid_t pid_ = -1;
};

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base
class KillTest : public testing::Test {
 protected:
  KillTest() {
    void* const memory =
        ::mmap(nullptr, sizeof(Account), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    account_ = new (memory) Account;
    address_.sun_family = AF_UNIX;
    const std::string path = place_.options.directory + "/socket";
    std::memcpy(address_.sun_path, path.data(), path.size());
    place_.options.memory = std::uint64_t{64} << 20;
    place_.options.memory_directory = place_.options.directory + "/memory";
    place_.options.allocate = [this](int descriptor, std::uint64_t bytes) {
      return account_->is_disk_full ? ENOSPC
                                    : ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
    };
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT_EQ(::bind(listener_, Address(), sizeof(address_)), 0);
    EXPECT_EQ(::listen(listener_, 4096), 0);
  }

  ~KillTest() override {
    ::close(listener_);
    ::munmap(account_, sizeof(Account));
  }

  [[nodiscard]] const sockaddr* Address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }

  // The n-th transition is of endpoint n, whoever lives to write it.
  [[noreturn]] void BeDataplane() {
    region_.MakeProducers();
    for (;;) {
      const auto next =
          region_.view().dataplane().transition_heads[0].value.load(std::memory_order_relaxed) + 1;
      if (region_.PushDeath(0, next, static_cast<std::int64_t>(next))) {
        region_.Published(0, static_cast<std::int64_t>(next));
      }
      Wait(20);
    }
  }

  // `last_step`: where it kills itself.
  [[noreturn]] void BeControl(std::uint64_t seed, std::uint64_t last_step);
  [[noreturn]] void BeSubscriber();
  void Hear(const DeliveryRecord& record);

  InventedRegion region_{{.workers = 1, .transitions = 1024}};
  JournalInADirectory place_{1023, 1024};
  Account* account_ = nullptr;
  sockaddr_un address_{};
  int listener_ = -1;
};

struct Served {
  Session* session;
  int socket;
};

void KillTest::BeControl(std::uint64_t seed, std::uint64_t last_step) {
  std::mt19937_64 random(seed);
  std::uint64_t steps = 0;
  const auto step = [&] {
    if (++steps == last_step) {
      ::kill(::getpid(), SIGKILL);
    }
  };
  auto journal = place_.Open();
  // A segment may have been killed at birth, which is told; what it holds is never damaged.
  const bool is_sound = std::ranges::all_of(place_.findings, [](const std::string& finding) {
    return finding.contains("too short for a segment") ||
           finding.contains("the header was damaged");
  });
  if (!journal || !is_sound) {
    std::fprintf(stderr,
                 "%s%s\n",
                 place_.error.c_str(),
                 place_.findings.empty() ? "" : place_.findings.front().c_str());
    account_->wrong = 1;
    ::_exit(1);
  }
  Service service({.subscribers = 64, .first_serial = 1}, std::move(journal));
  Outlet outlet(
      service, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>());
  service.Join(region_.view());
  std::vector<Served> served;
  Instant now{Duration{1'000'000'000'000}};
  for (;;) {
    now += Duration{10'000'000};  // so that the disk is asked again before a kill
    const WallInstant wall{now.time_since_epoch()};
    if (const int fresh = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK); fresh >= 0) {
      served.push_back({&outlet.Open(Session::Origin::kLocal, now), fresh});
    }
    step();
    if (service.journal().health().in_memory_since != Instant{}) {
      ++account_->turns_in_memory;
    }
    if (!service.Turn(now, wall)) {
      account_->wrong = 2;
    }
    step();
    outlet.Turn(now, wall);
    std::erase_if(served, [&](Served& one) {
      std::array<std::byte, 256> input{};
      const ssize_t got = ::recv(one.socket, input.data(), input.size(), 0);
      if (got > 0) {
        one.session->Receive(std::span(input).first(static_cast<std::size_t>(got)), now, wall);
      }
      const auto ready = one.session->ready();
      const auto piece = ready.first(std::min<std::size_t>(ready.size(), random() % 5000));
      const ssize_t sent = ::send(one.socket, piece.data(), piece.size(), MSG_NOSIGNAL);
      step();
      if (sent > 0) {
        one.session->Sent(static_cast<std::size_t>(sent), now);
      }
      const bool is_over = got == 0 || (sent < 0 && errno != EAGAIN);
      if (is_over) {
        outlet.Close(*one.session);
        ::close(one.socket);
      }
      return is_over;
    });
    Wait(20);
  }
}

void KillTest::Hear(const DeliveryRecord& record) {
  const std::uint64_t endpoint = account_->heard.load() & 0xFFFFFFFFU;
  if (record.kind != RecordKind::kLiveness && record.kind != RecordKind::kReset) {
    account_->wrong = 100 + static_cast<std::uint64_t>(record.kind);  // gaps, too
  }
  const bool is_transition = record.kind == RecordKind::kLiveness;
  if (is_transition && record.endpoint != endpoint + 1) {
    account_->wrong = record.endpoint << 32 | endpoint;
  }
  account_->heard = record.sequence << 32 | (is_transition ? record.endpoint : endpoint);
}

void KillTest::BeSubscriber() {
  StreamPosition position({.address = {},
                           .start = RequestKind::kSubscribeFrom,
                           .sequence = account_->heard.load() >> 32,
                           .groups = {}});
  for (;;) {
    const int link = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const DeliveryRequest request = position.Connect();
    bool is_open = ::connect(link, Address(), sizeof(address_)) == 0 &&
                   ::send(link, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request);
    ++account_->connections;
    DeliveryRecord record;
    while (is_open && ::recv(link, &record, sizeof(record), MSG_WAITALL) == sizeof(record)) {
      const auto verdict =
          SealOf(record) == record.crc ? position.Take(record) : StreamPosition::Verdict::kBroken;
      if (verdict == StreamPosition::Verdict::kHandOut) {
        Hear(record);
      } else if (verdict != StreamPosition::Verdict::kKeep) {
        account_->wrong = 10 + static_cast<std::uint64_t>(verdict);
        is_open = false;
      }
    }
    ::close(link);
    Wait(200);
  }
}

TEST_F(KillTest, TellsTheTruthInOrderOnceThroughAThousandKills) {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);  // else every child that logs prints it again
  std::mt19937_64 random(seed);
  Victim dataplane;
  Victim control;
  Victim subscriber;
  dataplane.Start([this] { BeDataplane(); });
  subscriber.Start([this] { BeSubscriber(); });
  for (int kills = 0; kills < kKills && account_->wrong == 0; ++kills) {
    if (random() % 10 == 0) {
      account_->is_disk_full = !account_->is_disk_full;
    }
    const unsigned who = static_cast<unsigned>(random() % 10);
    if (who < 6) {
      // Half of them kill themselves between two steps, half are killed at any moment.
      const bool by_itself = who < 3;
      const std::uint64_t last = by_itself ? 1 + random() % 150 : ~std::uint64_t{0};
      control.Kill();
      control.Start([&] { BeControl(random(), last); });
      const auto most = static_cast<unsigned>(random() % 6000);
      for (unsigned waited = 0; by_itself ? !control.IsOver() && waited < 2'000'000 : waited < most;
           waited += 200) {
        Wait(200);
      }
    } else if (who < 8) {
      dataplane.Kill();
      dataplane.Start([this] { BeDataplane(); });
      Wait(static_cast<unsigned>(random() % 2000));
    } else {
      subscriber.Kill();
      subscriber.Start([this] { BeSubscriber(); });
      Wait(static_cast<unsigned>(random() % 2000));
    }
  }
  dataplane.Kill();
  control.Kill();
  control.Start([&] { BeControl(random(), ~std::uint64_t{0}); });
  const std::uint64_t truth = region_.view().dataplane().transition_heads[0].value.load();
  for (int i = 0; i < 300'000 && (account_->heard & 0xFFFFFFFFU) < truth; ++i) {
    Wait(100);
  }
  EXPECT_EQ(account_->heard & 0xFFFFFFFFU, truth);
  EXPECT_EQ(account_->wrong, 0U) << "seed " << seed;
  EXPECT_GT(truth, 1000U);
  EXPECT_GT(account_->turns_in_memory, 100U);
  std::printf("%llu transitions, %llu turns with the journal in memory, %llu connections\n",
              static_cast<unsigned long long>(truth),
              static_cast<unsigned long long>(account_->turns_in_memory.load()),
              static_cast<unsigned long long>(account_->connections.load()));
}

}  // namespace
}  // namespace flatline
