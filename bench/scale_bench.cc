// What a second core adds: two real workers over one table, each in a thread on a core of its own,
// against one worker over the same fleet. Fed from memory in place of a NIC, as pipeline_bench is.
// Once each hears the endpoints that it owns, as where the network cards can be told how to spread;
// once half of what each hears belongs to the other, as where RSS spreads by address. Measures
// heartbeats a second of each worker's core, added up; and by the wall, which holds only where
// nobody else wants the cores. Not the NIC, not how memory is shared by more than two.
// `scale_bench [ENDPOINTS [MILLISECONDS]]`; ends with 77 where there is one core only.
#include "bench/core_seconds.h"
#include "bench/cores.h"
#include "bench/fleet_source.h"
#include "dataplane/engine.h"
#include "dataplane/page_array.h"
#include "dataplane/shared_region.h"

#include <flatline/region.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

namespace flatline {
namespace {

constexpr unsigned kTurnsBetweenLooks = 64;  // at what the main thread wants
constexpr std::size_t kRounds = 3;

Instant Now() {
  return Instant{std::chrono::steady_clock::now().time_since_epoch()};
}

// What both cores did at the same time, added up: heartbeats a second of a core, and of the wall.
struct Rates {
  double core = 0;
  double wall = 0;
};

// Who hears whom, by worker.
using Shares = std::vector<std::vector<Member>>;

class Workers {
 public:
  Workers(std::uint64_t endpoints, unsigned workers, std::vector<int> cores)
      : cores_(std::move(cores)),
        shape_(ShapeFor(FleetConfig(endpoints, workers).dataplane, kSmallPage)),
        memory_(PageArray<std::byte>::Create(RegionLayout::Of(shape_).bytes, "the region").value()),
        region_(FormatRegion(
            memory_.data(), shape_, FleetConfig(endpoints, workers), WallInstant{}, 0x5EED)),
        engine_(Engine::Create(region_, {}, Now()).value()),
        sources_(workers) {
    identity_.mac = {2, 0, 0, 0, 0, 1};
    identity_.udp_port = kHeartbeatPort;
    for (unsigned worker = 0; worker < workers; ++worker) {
      sources_[worker] = std::make_unique<FleetSource>();
      engine_->Attach(worker,
                      {.source = sources_[worker].get(), .sink = &sink_, .identity = &identity_});
    }
    Enrol(endpoints);
  }

  // Each hears those that it owns.
  [[nodiscard]] const Shares& own() const noexcept { return own_; }

  // Each hears half of its own and half of the next one's, mixed.
  [[nodiscard]] Shares Crossed() const {
    Shares out(own_.size());
    for (std::size_t worker = 0; worker < own_.size(); ++worker) {
      for (std::size_t i = 0; i < own_[worker].size(); ++i) {
        out[(worker + i % 2) % own_.size()].push_back(own_[worker][i]);
      }
    }
    Shuffle(out);
    return out;
  }

  // The median of some rounds. Throws if a heartbeat did not count.
  Rates Measure(const Shares& shares, Find find, std::chrono::milliseconds span) {
    const std::uint64_t missing_before = Missing();
    std::array<Rates, kRounds> rates{};
    for (Rates& rate : rates) {
      for (std::size_t worker = 0; worker < shares.size(); ++worker) {
        sources_[worker]->Set(shares[worker], find, next_sequence_);
      }
      rate = Run(span);
      for (const auto& source : sources_) {
        next_sequence_ = std::max(next_sequence_, source->sequence() + 1);
      }
    }
    if (Missing() != missing_before) {
      throw std::runtime_error("heartbeats were dropped or not found as asked");
    }
    std::ranges::sort(rates, {}, &Rates::core);
    return rates[kRounds / 2];
  }

  // Heartbeats that came to who does not own their endpoint, as last published.
  [[nodiscard]] std::uint64_t Foreign() const { return Sum(Counter::kForeign); }

 private:
  enum class Phase : std::uint8_t { kWarm, kMeasure, kStop };

  // Everybody speaks for the first time, to their owner; then they have slots.
  void Enrol(std::uint64_t endpoints) {
    own_.resize(sources_.size());
    for (EndpointId id = 1; id <= endpoints; ++id) {
      const std::uint64_t hash = HashEndpoint(id, region_.header().hash_key);
      own_[ShardOf(hash, static_cast<unsigned>(own_.size()))].push_back({.id = id});
    }
    Shuffle(own_);
    for (unsigned worker = 0; worker < own_.size(); ++worker) {
      sources_[worker]->Set(own_[worker], Find::kByIndex, 1);
    }
    const auto all_heard = [&](unsigned worker) {
      return sources_[worker]->handed() >= own_[worker].size();
    };
    for (bool done = false; !done;) {
      done = true;
      for (unsigned worker = 0; worker < own_.size(); ++worker) {
        Turn(worker);
        done = done && all_heard(worker);
      }
    }
    for (auto& share : own_) {
      LearnSlots(region_, share);
    }
    Shuffle(own_);          // slots were given out in the order of the first heartbeats
    next_sequence_ = 1000;  // above what the rounds of enrolment said
  }

  static void Shuffle(Shares& shares) {
    std::mt19937_64 random(1);
    for (auto& share : shares) {
      std::ranges::shuffle(share, random);
    }
  }

  // All workers at once, each in a thread on its core.
  Rates Run(std::chrono::milliseconds span) {
    std::atomic<Phase> phase{Phase::kWarm};
    std::vector<Rates> rates(sources_.size());
    {
      std::vector<std::jthread> threads;
      threads.reserve(sources_.size());
      for (unsigned worker = 0; worker < sources_.size(); ++worker) {
        threads.emplace_back([&, worker] { rates[worker] = Drive(worker, phase); });
      }
      std::this_thread::sleep_for(span / 4);
      phase = Phase::kMeasure;
      std::this_thread::sleep_for(span);
      phase = Phase::kStop;
    }
    Rates out;
    for (const Rates& rate : rates) {
      out.core += rate.core;
      out.wall += rate.wall;
    }
    return out;
  }

  Rates Drive(unsigned worker, const std::atomic<Phase>& phase) {
    RunOn(cores_[worker]);
    TurnWhile(worker, phase, Phase::kWarm);
    const double core_begin = CoreSeconds();
    const Instant begin = Now();
    const std::uint64_t before = sources_[worker]->handed();
    TurnWhile(worker, phase, Phase::kMeasure);
    const auto handed = static_cast<double>(sources_[worker]->handed() - before);
    return {.core = handed / (CoreSeconds() - core_begin),
            .wall = handed * 1e9 / static_cast<double>((Now() - begin).count())};
  }

  void TurnWhile(unsigned worker, const std::atomic<Phase>& phase, Phase wanted) {
    while (phase.load(std::memory_order_relaxed) == wanted) {
      for (unsigned turn = 0; turn < kTurnsBetweenLooks; ++turn) {
        Turn(worker);
      }
    }
  }

  // One turn, and control takes at once what it published.
  void Turn(unsigned worker) {
    engine_->worker(worker).Receive();
    engine_->worker(worker).Turn(Now());
    const std::uint64_t head = region_.dataplane().transition_heads[worker].value;
    region_.control().transition_tails[worker].value = head;
  }

  [[nodiscard]] std::uint64_t Sum(Counter counter) const {
    std::uint64_t out = 0;
    for (std::size_t worker = 0; worker < sources_.size(); ++worker) {
      out += region_.dataplane().counters[worker][counter];
    }
    return out;
  }

  [[nodiscard]] std::uint64_t Missing() const {
    std::uint64_t out = Sum(Counter::kStaleHandle);
    for (std::size_t worker = 0; worker < sources_.size(); ++worker) {
      for (std::size_t i = 0; i < kDropReasons; ++i) {
        out += region_.dataplane().counters[worker][static_cast<DropReason>(i)];
      }
    }
    return out;
  }

  std::vector<int> cores_;
  NoSink sink_;
  PortIdentity identity_;
  RegionShape shape_;
  PageArray<std::byte> memory_;
  RegionView region_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::unique_ptr<FleetSource>> sources_;
  Shares own_;
  std::uint32_t next_sequence_ = 1;
};

void Row(const char* name, const char* suffix, double value, const char* unit) {
  std::printf("scale.%s%s %.4g %s\n", name, suffix, value, unit);
}

void Run(std::uint64_t endpoints, std::chrono::milliseconds span, const std::vector<int>& cores) {
  std::array<Rates, 2> one{};
  {
    Workers alone(endpoints, 1, {cores.back()});
    one = {alone.Measure(alone.own(), Find::kByIndex, span),
           alone.Measure(alone.own(), Find::kByHandle, span)};
  }
  Workers both(endpoints, 2, {cores[0], cores[1]});
  const Shares crossed = both.Crossed();
  for (const Find find : {Find::kByIndex, Find::kByHandle}) {
    const char* suffix = find == Find::kByIndex ? "" : "_handle";
    const Rates& alone = one[static_cast<std::size_t>(find)];
    const Rates own = both.Measure(both.own(), find, span);
    const std::uint64_t foreign = both.Foreign();
    const Rates mixed = both.Measure(crossed, find, span);
    if (both.Foreign() == foreign) {
      throw std::runtime_error("no heartbeat came to who does not own its endpoint");
    }
    Row("one_worker", suffix, alone.core, "1/s");
    Row("two_workers", suffix, own.core, "1/s");
    Row("two_workers_crossed", suffix, mixed.core, "1/s");
    Row("two_workers_over_one", suffix, own.core / alone.core, "1");
    Row("two_workers_over_one_by_the_wall", suffix, own.wall / alone.wall, "1");
    Row("two_workers_crossed_over_one", suffix, mixed.core / alone.core, "1");
  }
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  const std::uint64_t endpoints = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000'000;
  const std::uint64_t span = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 600;
  if (endpoints < 1000 || endpoints > 200'000'000 || span == 0 || span > 10'000) {
    std::fputs("usage: scale_bench [ENDPOINTS [MILLISECONDS]]\n", stderr);
    return 2;
  }
  const std::vector<int> cores = flatline::AllowedCores();
  if (cores.size() < 2) {
    std::fputs("scale_bench: needed two cores, found one\n", stderr);
    return 77;
  }
  try {
    flatline::Run(endpoints, std::chrono::milliseconds(span), cores);
  } catch (const std::exception& error) {  // as when the memory cannot be had
    std::fprintf(stderr, "scale_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
