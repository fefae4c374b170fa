#include "tests/simulation/apart.h"

#include <flatline/check.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <new>
#include <poll.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

// Of libgcov, in a coverage build alone: writes down the counts, which _exit would drop.
extern "C" void __gcov_dump() __attribute__((weak));

namespace flatline {
namespace {

static_assert(sizeof(Report) <= PIPE_BUF);  // written whole, whoever else writes

struct Pipe {
  int out = -1;
  int in = -1;

  Pipe() {
    std::array<int, 2> ends{};
    FLATLINE_CHECK(::pipe(ends.data()) == 0);
    out = ends[0];
    in = ends[1];
  }

  ~Pipe() {
    ::close(out);
    CloseIn();
  }

  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void CloseIn() {
    if (in >= 0) {
      ::close(std::exchange(in, -1));
    }
  }

  void Write(const Report& report) const {
    FLATLINE_CHECK(::write(in, &report, sizeof(report)) == sizeof(report));
  }

  [[nodiscard]] bool HasMore() const {
    pollfd waits{.fd = out, .events = POLLIN, .revents = 0};
    return ::poll(&waits, 1, 100) > 0;
  }

  // False: nobody writes any more.
  [[nodiscard]] bool Read(Report& report) const {
    ssize_t got = -1;
    do {
      got = ::read(out, &report, sizeof(report));
    } while (got < 0 && errno == EINTR);
    return got == sizeof(report);
  }
};

template <typename Body>
pid_t Fork(Body body) {
  const pid_t parent = ::getpid();
  const pid_t out = ::fork();
  FLATLINE_CHECK(out >= 0);
  if (out == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent) {
      body();
    }
    if (__gcov_dump != nullptr) {
      __gcov_dump();
    }
    ::_exit(0);
  }
  return out;
}

// What a process that is over died of; 0: of nothing.
int EndOf(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

Report CrashOf(std::uint64_t seed, int end) {
  Report out{.seed = seed, .faults = 1};
  std::snprintf(out.fault.data(), out.fault.size(), "crashed: signal or exit status %d", end);
  return out;
}

// The seeds that the processes are at, where all of them can see.
class Marks {
 public:
  explicit Marks(unsigned count)
      : bytes_(count * sizeof(std::atomic<std::uint64_t>)),
        marks_(static_cast<std::atomic<std::uint64_t>*>(
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}

  ~Marks() { ::munmap(marks_, bytes_); }

  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;

  std::atomic<std::uint64_t>& operator[](unsigned i) { return marks_[i]; }

 private:
  std::size_t bytes_;
  std::atomic<std::uint64_t>* marks_;
};

}  // namespace

Report LiveThrough(std::uint64_t seed, const Climate& climate) {
  const Tidings tidings = World(seed, climate).Run();
  Report out{.seed = seed,
             .faults = tidings.faults.size(),
             .suspicions = tidings.suspicions,
             .deaths = tidings.deaths,
             .corroborated = tidings.corroborated,
             .suppressed = tidings.suppressed,
             .recoveries = tidings.recoveries,
             .answers = tidings.answers,
             .frames = tidings.frames,
             .adoptions = tidings.adoptions,
             .journaled = tidings.journaled,
             .control_deaths = tidings.control_deaths,
             .power_cuts = tidings.power_cuts,
             .snapshots = tidings.snapshots,
             .lease_rows = tidings.lease_rows,
             .scales = tidings.scales,
             .eased = tidings.eased,
             .tenures = tidings.tenures,
             .holds = tidings.holds,
             .digest = tidings.digest};
  if (!tidings.faults.empty()) {
    tidings.faults.front().copy(out.fault.data(), out.fault.size() - 1);
  }
  return out;
}

Report LiveThroughApart(std::uint64_t seed, const Climate& climate) {
  Pipe pipe;
  const pid_t child = Fork([&] { pipe.Write(LiveThrough(seed, climate)); });
  pipe.CloseIn();
  Report out;
  const bool has_told = pipe.Read(out);
  const int end = EndOf(child);
  return has_told && end == 0 ? out : CrashOf(seed, end);
}

void LiveThroughAll(const Worlds& worlds, const std::function<void(const Report&)>& told) {
  Pipe pipe;
  Marks marks(worlds.processes);
  std::vector<pid_t> children(worlds.processes);
  const std::uint64_t end = worlds.first + worlds.count;
  const auto start = [&](unsigned number, std::uint64_t from) {
    children[number] = Fork([&, number, from] {
      for (std::uint64_t seed = from; seed < end; seed += worlds.processes) {
        marks[number] = seed;
        pipe.Write(LiveThrough(seed, World::ClimateOf(seed)));
      }
      marks[number] = end;
    });
  };
  for (unsigned i = 0; i < worlds.processes; ++i) {
    start(i, worlds.first + i);
  }
  for (std::uint64_t heard = 0; heard < worlds.count;) {
    Report report;
    // Whoever crashed tells nothing: somebody else goes on behind his seed.
    for (unsigned i = 0; i < worlds.processes; ++i) {
      int status = 0;
      if (children[i] != 0 && ::waitpid(children[i], &status, WNOHANG) == children[i]) {
        children[i] = 0;
        if (status != 0) {
          told(CrashOf(marks[i], WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
          ++heard;
          start(i, marks[i] + worlds.processes);
        }
      }
    }
    if (heard < worlds.count && pipe.HasMore() && pipe.Read(report)) {
      told(report);
      ++heard;
    }
  }
  for (const pid_t child : children) {
    if (child != 0) {
      EndOf(child);
    }
  }
}

}  // namespace flatline
