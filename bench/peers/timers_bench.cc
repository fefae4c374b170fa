// What a heartbeat costs with its timer, in ours and in what a user would take instead: the same
// endpoints in the same random order, each once a second, three seconds of patience, bursts of 64,
// a tick each millisecond of a virtual clock. One in 128 falls silent after two seconds, and must
// be noticed by all who can be shown a virtual clock. Prints ns of the thread's core for each
// heartbeat, less what the loop costs with nothing in it, and the ratios: the rows wheel.ratio_to_…
// of `./run figures`.
#include "bench/core_seconds.h"
#include "bench/peers/timer_scheme.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace flatline::peers {
namespace {

constexpr std::uint32_t kSeconds = 6;
constexpr std::uint32_t kSilentAfterMs = 2000;
constexpr Number kSilentOneIn = 128;
constexpr std::size_t kJitters = 16;  // windows of a second within which the order changes

// Keeps nothing and notices nothing: what the loop around the schemes costs.
class Nothing final : public TimerScheme {
 public:
  void Beat(std::span<const Number> numbers, std::uint32_t now_ms) override {
    asm volatile("" : : "r"(numbers.data()), "r"(now_ms) : "memory");
  }

  void Tick(std::uint32_t now_ms) override { asm volatile("" : : "r"(now_ms)); }

  [[nodiscard]] std::uint64_t overdue() const override { return 0; }
};

class Fleet {
 public:
  explicit Fleet(std::size_t endpoints) : endpoints_(endpoints) {
    std::mt19937_64 random(1);
    std::vector<Number> order(endpoints);
    std::iota(order.begin(), order.end(), Number{0});
    std::shuffle(order.begin(), order.end(), random);
    for (auto& of_second : order_) {
      of_second = order;
      for (std::size_t i = 0; i < kJitters; ++i) {
        std::shuffle(At(of_second, i, kJitters), At(of_second, i + 1, kJitters), random);
      }
    }
  }

  // ns a heartbeat.
  double Run(TimerScheme& scheme, bool shows_overdue) const {
    std::uint64_t beats = 0;
    const double begin = CoreSeconds();
    for (std::uint32_t ms = 1; ms < kSeconds * 1000; ++ms) {
      scheme.Tick(ms);
      beats += BeatAt(scheme, ms);
    }
    const double ns = (CoreSeconds() - begin) / static_cast<double>(beats) * 1e9;
    const std::size_t silent = (endpoints_ + kSilentOneIn - 1) / kSilentOneIn;
    if (shows_overdue && scheme.overdue() != silent) {
      throw std::runtime_error("needed " + std::to_string(silent) + " overdue, found " +
                               std::to_string(scheme.overdue()));
    }
    return ns;
  }

 private:
  using Order = std::vector<Number>;

  static Order::iterator At(Order& order, std::size_t part, std::size_t parts) {
    return order.begin() + static_cast<std::ptrdiff_t>(order.size() * part / parts);
  }

  // Those whose turn is this millisecond of the second.
  std::uint64_t BeatAt(TimerScheme& scheme, std::uint32_t ms) const {
    const Order& order = order_[ms / 1000];
    const std::size_t phase = ms % 1000;
    const std::size_t end = endpoints_ * (phase + 1) / 1000;
    std::array<Number, kTimerBurst> burst{};
    std::uint64_t beats = 0;
    std::size_t count = 0;
    for (std::size_t i = endpoints_ * phase / 1000; i < end; ++i) {
      if (ms <= kSilentAfterMs || order[i] % kSilentOneIn != 0) {
        burst[count++] = order[i];
        ++beats;
      }
      if (count == burst.size() || i + 1 == end) {
        scheme.Beat({burst.data(), count}, ms);
        count = 0;
      }
    }
    return beats;
  }

  std::size_t endpoints_;
  std::array<Order, kSeconds> order_;
};

void Main(std::size_t endpoints) {
  struct Peer {
    const char* name;
    std::unique_ptr<TimerScheme> (*make)(std::size_t);
    bool shows_overdue;
  };

  constexpr std::array kPeers{Peer{"textbook_wheel", &MakeTextbookWheel, true},
                              Peer{"prefetched_wheel", &MakePrefetchedWheel, true},
                              Peer{"binary_heap", &MakeBinaryHeap, true},
                              Peer{"multimap", &MakeMultimap, true},
                              Peer{"rte_timer", &MakeRteTimers, false}};
  const Fleet fleet(endpoints);
  Nothing nothing;
  const double loop = fleet.Run(nothing, false);
  const double ours = fleet.Run(*MakeFlatlineTimers(endpoints), true) - loop;
  std::printf("wheel.heartbeat_ns %.3g ns\n", ours);
  for (const Peer& peer : kPeers) {
    const double theirs = fleet.Run(*peer.make(endpoints), peer.shows_overdue) - loop;
    std::printf("wheel.%s_ns %.4g ns\n", peer.name, theirs);
    std::printf("wheel.ratio_to_%s %.4g 1\n", peer.name, theirs / ours);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace flatline::peers

int main(int count, char** arguments) {
  try {
    flatline::peers::Main(count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1'000'000);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "timers_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
