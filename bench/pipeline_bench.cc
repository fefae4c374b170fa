// What one core hears: a real worker over a real table, fed from memory in place of a NIC, from
// frame to stamp, with the wheel turning and the clock read once a turn. Prints the rows of
// `./run figures`: heartbeats a second by index and by handle, checksums verified by the device,
// and the bytes that an endpoint takes. What it costs to make the frames (the fields that differ
// are written into each, in place) is in the time. Fails if a heartbeat did not count.
#include "bench/core_seconds.h"
#include "bench/fleet_source.h"
#include "bench/lookup_limit.h"
#include "bench/memory_limit.h"
#include "bench/tsc.h"
#include "dataplane/engine.h"
#include "dataplane/page_array.h"
#include "dataplane/shared_region.h"

#include <flatline/region.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flatline {
namespace {

constexpr double kWindow = 0.25;           // seconds of a core, unless told otherwise
constexpr std::uint64_t kBytesEach = 112;  // an endpoint of ours, and its place in the order
constexpr int kWindows = 9;
constexpr std::size_t kLineBytes = 64;
constexpr unsigned kTurnsBetweenLooks = 64;  // at the clock of the thread

Instant Now() {
  return Instant{std::chrono::steady_clock::now().time_since_epoch()};
}

// A number out of a file of "Name: 123 kB" lines, in bytes.
std::uint64_t KilobytesIn(const char* path, std::string_view name) {
  std::ifstream file(path);
  std::string word;
  std::uint64_t value = 0;
  while (file >> word) {
    if (word == name && file >> value) {
      return value * 1024;
    }
  }
  return 0;
}

class Pipeline {
 public:
  explicit Pipeline(std::uint64_t endpoints)
      : order_(endpoints),
        shape_(ShapeFor(FleetConfig(endpoints, 1).dataplane, kSmallPage)),
        memory_(PageArray<std::byte>::Create(RegionLayout::Of(shape_).bytes, "the region").value()),
        region_(FormatRegion(
            memory_.data(), shape_, FleetConfig(endpoints, 1), WallInstant{}, 0x5EED)) {
    const std::uint64_t before = KilobytesIn("/proc/self/smaps_rollup", "Rss:");
    engine_ = Engine::Create(region_, {}, Now()).value();
    private_bytes_ = KilobytesIn("/proc/self/smaps_rollup", "Rss:") - before;
    identity_.mac = {2, 0, 0, 0, 0, 1};
    identity_.udp_port = kHeartbeatPort;
    engine_->Attach(0, {.source = &source_, .sink = &sink_, .identity = &identity_});
  }

  // Every endpoint speaks for the first time; they learn their slots.
  void Enrol() {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      order_[i].id = i + 1;
    }
    std::ranges::shuffle(order_, std::mt19937_64(1));
    source_.Set(order_, Find::kByIndex, 1);
    while (source_.handed() < order_.size()) {
      Turn();
    }
    LearnSlots(region_, order_);
    // Slots were given out in the order of the first heartbeats: from here on another one, or the
    // records would be read as they lie.
    std::ranges::shuffle(order_, std::mt19937_64(2));
  }

  // Heartbeats a second of a core: the median of the windows. Throws if one did not
  // count.
  double Measure(Find find, double window) {
    source_.Set(order_, find, source_.sequence() + 1);
    const std::uint64_t missing_before = Missing();
    std::array<double, kWindows> rates{};
    for (double& rate : rates) {
      const double begin = CoreSeconds();
      const std::uint64_t before = source_.handed();
      while (CoreSeconds() - begin < window) {
        for (unsigned turn = 0; turn < kTurnsBetweenLooks; ++turn) {
          Turn();
        }
      }
      rate = static_cast<double>(source_.handed() - before) / (CoreSeconds() - begin);
    }
    if (Missing() != missing_before) {
      throw std::runtime_error("heartbeats were dropped or not found as asked");
    }
    std::ranges::sort(rates);
    return rates[kWindows / 2];
  }

  // Everything that is taken, the ends of the rings and what is fixed included.
  [[nodiscard]] double BytesPerEndpoint() const {
    return static_cast<double>(region_.layout().bytes + private_bytes_) /
           static_cast<double>(order_.size());
  }

  // The same without the addresses, which only those who are to be probed need.
  [[nodiscard]] double BytesPerEndpointBesideAddresses() const {
    return BytesPerEndpoint() - static_cast<double>(shape_.slots() * sizeof(SourceAddress)) /
                                    static_cast<double>(order_.size());
  }

  // The memory of the records, for the limits. What they say is lost, so those come last.
  [[nodiscard]] std::span<std::byte> GiveUp() {
    engine_.reset();
    return {reinterpret_cast<std::byte*>(region_.records().data()),
            region_.records().size_bytes() / kLineBytes * kLineBytes};
  }

 private:
  // One turn, and control takes at once what it published.
  void Turn() {
    engine_->worker(0).Receive();
    engine_->worker(0).Turn(Now());
    const std::uint64_t head = region_.dataplane().transition_heads[0].value;
    region_.control().transition_tails[0].value = head;
  }

  // What was dropped, or sent with a handle that did not match, as last published.
  [[nodiscard]] std::uint64_t Missing() const {
    const PublishedCounters& counters = region_.dataplane().counters[0];
    std::uint64_t out = counters[Counter::kStaleHandle];
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      out += counters[static_cast<DropReason>(i)];
    }
    return out;
  }

  std::vector<Member> order_;
  FleetSource source_;
  NoSink sink_;
  PortIdentity identity_;
  RegionShape shape_;
  PageArray<std::byte> memory_;
  RegionView region_;
  std::uint64_t private_bytes_ = 0;
  std::unique_ptr<Engine> engine_;
};

void Row(const char* name, double value, const char* unit) {
  std::printf("%s %.4g %s\n", name, value, unit);
}

}  // namespace
}  // namespace flatline

namespace {

int Main(int count, char** arguments) {
  using flatline::Find;
  const std::uint64_t wanted = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000'000;
  const std::uint64_t room =
      flatline::KilobytesIn("/proc/meminfo", "MemAvailable:") / flatline::kBytesEach;
  const std::uint64_t endpoints = std::min(wanted, room);
  const double window = count > 2 ? std::strtod(arguments[2], nullptr) / 1e3 : flatline::kWindow;
  flatline::Pipeline pipeline(endpoints);
  pipeline.Enrol();
  flatline::Row("pipeline.endpoints", static_cast<double>(endpoints), "1");
  const double by_index = pipeline.Measure(Find::kByIndex, window);
  const double by_handle = pipeline.Measure(Find::kByHandle, window);
  const double frequency = flatline::CyclesPerSecond();
  flatline::Row("pipeline.heartbeats_per_core", by_index, "1/s");
  flatline::Row("pipeline.heartbeats_per_core_handle", by_handle, "1/s");
  flatline::Row("pipeline.cycles_per_heartbeat", frequency / by_index, "cycles");
  flatline::Row("pipeline.cycles_per_heartbeat_handle", frequency / by_handle, "cycles");
  flatline::Row("memory.bytes_per_endpoint", pipeline.BytesPerEndpointBesideAddresses(), "B");
  flatline::Row("memory.bytes_per_endpoint_with_address", pipeline.BytesPerEndpoint(), "B");
  const std::span<std::byte> memory = pipeline.GiveUp();
  const flatline::MemoryLimit limit = flatline::MeasureMemoryLimit(memory);
  const double lookups = flatline::MeasureLookupLimit(memory);
  flatline::Row("pipeline.memory_limit", limit.lines_per_second, "1/s");
  flatline::Row("pipeline.ratio_to_memory_limit", by_handle / limit.lines_per_second, "1");
  flatline::Row("pipeline.lookup_limit", lookups, "1/s");
  flatline::Row("pipeline.ratio_to_lookup_limit", by_index / lookups, "1");
  return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return Main(count, arguments);
  } catch (const std::exception& error) {  // as when the memory cannot be had
    std::fprintf(stderr, "pipeline_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
