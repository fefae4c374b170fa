// What one core of the dataplane hears from another process over net_memif: each start is a pair of
// processes of its own, a sender that fills the rings (memif_sender.h) and a receiver with the real
// port, queue and worker (memif_receiver.h). Several starts over each of two lines: zero-copy,
// where the sender writes into the dataplane's buffers, and the driver's default, where the
// dataplane copies. Prints the rows of `./run figures`, medians over the starts, and on stderr
// every start's rates: memif is bimodal from start to start. Fails if a heartbeat was lost. Usage:
// memif_bench [ENDPOINTS [STARTS]]
#include "bench/memif_receiver.h"
#include "bench/shared_value.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace flatline {
namespace {

constexpr int kAttempts = 3;

// One processor for each role, of those that we may run on: the only one for both, if there is one.
void PinTo(unsigned role) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  const unsigned wanted = role % static_cast<unsigned>(CPU_COUNT(&allowed));
  unsigned seen = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && seen++ == wanted) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      sched_setaffinity(0, sizeof one, &one);
      return;
    }
  }
}

// A process of this one's that ends with it.
pid_t Spawn(unsigned role, const std::function<int()>& run) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
      _exit(EXIT_FAILURE);
    }
    PinTo(role);
    _exit(run());
  }
  return child;
}

int Receive(MemifFleet& fleet, const MemifLine& line, MemifRates& out) {
  const auto rates = RunMemifReceiver(fleet, line);
  if (!rates) {
    std::fprintf(stderr, "memif_bench: %s\n", rates.error().c_str());
    return EXIT_FAILURE;
  }
  out = *rates;
  return EXIT_SUCCESS;
}

// Waits for both; one that fails takes the other with it. The first one's exit status, if it
// failed.
int AwaitBoth(std::array<pid_t, 2> children) {
  int failure = EXIT_SUCCESS;
  for (std::size_t left = children.size(); left > 0; --left) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    if (code != EXIT_SUCCESS && failure == EXIT_SUCCESS) {
      failure = code;
      for (const pid_t child : children) {
        if (child != ended) {
          (void)kill(child, SIGKILL);
        }
      }
    }
  }
  return failure;
}

struct Session {
  MemifRates rates;
  int status = EXIT_FAILURE;
};

Session RunOnce(std::size_t endpoints, bool zero_copy, unsigned number) {
  auto fleet = MemifFleet::Create(endpoints);
  auto rates = SharedValue<MemifRates>::Create();
  if (!fleet || !rates) {
    std::fprintf(stderr, "memif_bench: %s\n", (fleet ? rates.error() : fleet.error()).c_str());
    return {};
  }
  const MemifLine line{.socket = fmt::format("memif-bench-{}-{}", getpid(), number),
                       .sender_serves = zero_copy};
  const pid_t sender = Spawn(1, [&] { return RunMemifSender(*fleet, line); });
  const pid_t receiver = Spawn(0, [&] { return Receive(*fleet, line, rates->value()); });
  const int status = AwaitBoth({sender, receiver});
  if (status != EXIT_SUCCESS) {
    SweepMemifReceiver(line);
  }
  return {rates->value(), status};
}

std::optional<MemifRates> Start(std::size_t endpoints, bool zero_copy, unsigned number) {
  Session session;
  for (int attempt = 0; attempt < kAttempts && session.status != EXIT_SUCCESS; ++attempt) {
    session = RunOnce(endpoints, zero_copy, number);
    if (session.status != EXIT_SUCCESS && session.status != kNobodyThere) {
      break;
    }
  }
  if (session.status != EXIT_SUCCESS) {
    return std::nullopt;
  }
  std::fprintf(stderr,
               "memif_bench: %s, start %u: counted %.4g, by handle %.4g, by index %.4g 1/s\n",
               zero_copy ? "zero-copy" : "copied",
               number,
               session.rates.counted,
               session.rates.by_handle,
               session.rates.by_index);
  return session.rates;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void PrintRows(const char* prefix, const std::vector<MemifRates>& starts) {
  const auto median = [&](const std::function<double(const MemifRates&)>& of) {
    std::vector<double> values;
    std::ranges::transform(starts, std::back_inserter(values), of);
    return Median(std::move(values));
  };
  const auto row = [&](const char* name, double value, const char* unit) {
    std::printf("%s%s %.4g %s\n", prefix, name, value, unit);
  };
  row("heartbeats_per_core", median([](const auto& start) { return start.by_handle; }), "1/s");
  row("heartbeats_per_core_index", median([](const auto& start) { return start.by_index; }), "1/s");
  row("frames_counted_per_core", median([](const auto& start) { return start.counted; }), "1/s");
  row("ratio_to_memif_only",
      median([](const auto& start) { return start.by_handle / start.counted; }),
      "1");
  std::fflush(stdout);
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  const std::uint64_t endpoints = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000'000;
  const std::uint64_t starts = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 3;
  unsigned number = 0;
  for (const bool zero_copy : {true, false}) {
    if (zero_copy && !flatline::HasPagesForZeroCopy()) {
      std::fprintf(stderr, "memif_bench: zero-copy left out: it needs 64 MiB of free huge pages\n");
      continue;
    }
    std::vector<flatline::MemifRates> rates;
    while (rates.size() < starts) {
      const auto found = flatline::Start(endpoints, zero_copy, ++number);
      if (!found) {
        return EXIT_FAILURE;
      }
      rates.push_back(*found);
    }
    flatline::PrintRows(zero_copy ? "memif." : "memif.copied_", rates);
  }
  return EXIT_SUCCESS;
}
