// What one core hears when every heartbeat has to prove whose it is: the pipeline of
// pipeline_bench, with a tag of 64 bits on each frame, a key for each endpoint, all of it required.
// Prints the rows trust.* of `./run figures`: by index and by handle, with the best vectors that
// the processor has, with each lesser kind, and with libsodium asked for one tag after the other.
// The tags are made before each window, outside of its time. Fails if a heartbeat did not count, or
// one whose tag was spoilt did.
#include "bench/core_seconds.h"
#include "bench/fleet_source.h"
#include "dataplane/authenticator.h"
#include "dataplane/engine.h"
#include "dataplane/page_array.h"
#include "dataplane/shared_region.h"
#include "dataplane/siphash.h"
#include "tests/temporary_directory.h"

#include <flatline/master_key.h>
#include <flatline/region.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <sodium.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace flatline {
namespace {

constexpr int kWindows = 5;

Instant Now() {
  return Instant{std::chrono::steady_clock::now().time_since_epoch()};
}

void WithLibsodium(SipLanes& lanes, const SipKey& root) noexcept {
  for (std::size_t lane = 0; lane < SipLanes::kLanes; ++lane) {
    std::array<std::uint64_t, SipLanes::kWords> message{};
    for (std::size_t i = 0; i < message.size(); ++i) {
      message[i] = lanes.words[i][lane];
    }
    std::array<unsigned char, crypto_shorthash_siphashx24_BYTES> key{};
    crypto_shorthash_siphashx24(key.data(),
                                reinterpret_cast<const unsigned char*>(&message[SipLanes::kIdWord]),
                                sizeof message[0],
                                reinterpret_cast<const unsigned char*>(&root));
    crypto_shorthash(reinterpret_cast<unsigned char*>(&lanes.tag_low[lane]),
                     reinterpret_cast<const unsigned char*>(message.data()),
                     sizeof message,
                     key.data());
  }
}

constexpr SipEngine kLibsodium{"libsodium", WithLibsodium, WithLibsodium};

// The path of a new master key.
std::string MakeKey(const TemporaryDirectory& directory) {
  std::string path = directory.Path("key");
  if (auto made = MasterKey::Make(path); !made) {
    throw std::runtime_error(made.error());
  }
  return path;
}

Config TrustConfig(std::uint64_t endpoints, const std::string& key) {
  Config config = FleetConfig(endpoints, 1);
  config.authentication = {.key = key, .tag_bits = 64, .mode = Authentication::kRequired};
  return config;
}

class AuthenticatedPipeline {
 public:
  AuthenticatedPipeline(std::uint64_t endpoints, std::size_t window)
      : window_(window / kBurst * kBurst),
        config_(TrustConfig(endpoints, key_)),
        order_(endpoints),
        shape_(ShapeFor(config_.dataplane, kSmallPage)),
        memory_(PageArray<std::byte>::Create(RegionLayout::Of(shape_).bytes, "the region").value()),
        region_(FormatRegion(memory_.data(), shape_, config_, WallInstant{}, 0x5EED)),
        authenticator_(Authenticator::Load(config_).value()),
        engine_(Engine::Create(region_, {.authenticator = authenticator_.get()}, Now()).value()) {
    identity_.mac = {2, 0, 0, 0, 0, 1};
    identity_.udp_port = kHeartbeatPort;
    engine_->Attach(0, {.source = &source_, .sink = &sink_, .identity = &identity_});
    Enrol();
  }

  // Heartbeats a second of a core: the median of the windows.
  double Measure(Find find, const SipEngine& engine) {
    authenticator_->Use(engine);
    source_.Set(order_, find, source_.sequence() + 1);
    std::array<double, kWindows> rates{};
    for (double& rate : rates) {
      MakeTags();
      Publish();
      const std::uint64_t counted = Counted();
      const std::uint64_t before = source_.handed();
      const double begin = CoreSeconds();
      while (source_.handed() - before < window_) {
        Turn();
      }
      rate = static_cast<double>(source_.handed() - before) / (CoreSeconds() - begin);
      Publish();
      if (Counted() - counted != source_.handed() - before) {
        throw std::runtime_error("heartbeats with a good tag did not count");
      }
    }
    std::ranges::sort(rates);
    return rates[kWindows / 2];
  }

  // The witness: tags with one bit spoilt do not count.
  void RefuseSpoilt() {
    source_.Set(order_, Find::kByIndex, source_.sequence() + 1);
    source_.MakeTags(2 * kBurst, [this](const Member& member, std::span<const std::byte> message) {
      return TagOf(member, message) ^ 1U;
    });
    Publish();
    const std::uint64_t counted = Counted();
    Turn();
    Publish();
    if (Counted() != counted) {
      throw std::runtime_error("heartbeats with a spoilt tag counted");
    }
  }

 private:
  // Everybody speaks for the first time; they learn their slots.
  void Enrol() {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      order_[i].id = i + 1;
    }
    keys_.resize(order_.size() + 1);
    const MasterKey master = MasterKey::Load(key_).value();
    for (EndpointId id = 1; id < keys_.size(); ++id) {
      const EndpointKey key = master.Derive(id);
      std::memcpy(&keys_[id], key.data(), sizeof keys_[id]);
    }
    std::ranges::shuffle(order_, std::mt19937_64(1));
    source_.Set(order_, Find::kByIndex, 1);
    while (source_.sequence() == 1) {
      MakeTags();
      for (std::size_t sent = 0; sent < window_ && source_.sequence() == 1; sent += kBurst) {
        Turn();
      }
    }
    LearnSlots(region_, order_);
    std::ranges::shuffle(order_, std::mt19937_64(2));
  }

  [[nodiscard]] std::uint64_t TagOf(const Member& member,
                                    std::span<const std::byte> message) const {
    return SipHash(keys_[member.id], message, TagSize::k64Bits).low;
  }

  void MakeTags() {
    source_.MakeTags(window_ + 2 * kBurst,
                     [this](const Member& member, std::span<const std::byte> message) {
                       return TagOf(member, message);
                     });
  }

  void Turn() {
    engine_->worker(0).Receive();
    engine_->worker(0).Turn(Now());
    const std::uint64_t head = region_.dataplane().transition_heads[0].value;
    region_.control().transition_tails[0].value = head;
  }

  // Turns without frames until the counters are published.
  void Publish() {
    source_.Pause(true);
    for (int i = 0; i < 512; ++i) {
      Turn();
    }
    source_.Pause(false);
  }

  [[nodiscard]] std::uint64_t Counted() const {
    return region_.dataplane().counters[0][Counter::kAuthenticated];
  }

  std::size_t window_;
  TemporaryDirectory directory_;
  std::string key_ = MakeKey(directory_);
  Config config_;
  std::vector<Member> order_;
  std::vector<SipKey> keys_;  // by id
  FleetSource source_{true};
  NoSink sink_;
  PortIdentity identity_;
  RegionShape shape_;
  PageArray<std::byte> memory_;
  RegionView region_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Engine> engine_;
};

void Row(const std::string& name, double value, const char* unit) {
  std::printf("%s %.4g %s\n", name.c_str(), value, unit);
}

int Main(int count, char** arguments) {
  const std::uint64_t endpoints = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000'000;
  const std::uint64_t window = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 5'000'000;
  AuthenticatedPipeline pipeline(endpoints, window);
  const SipEngine& best = SipEngines().front();
  const double by_index = pipeline.Measure(Find::kByIndex, best);
  Row("trust.authenticated_heartbeats_per_core", by_index, "1/s");
  Row("trust.authenticated_heartbeats_per_core_handle",
      pipeline.Measure(Find::kByHandle, best),
      "1/s");
  for (const SipEngine& engine : SipEngines().subspan(1)) {
    Row(std::string("trust.authenticated_heartbeats_per_core_") + engine.name,
        pipeline.Measure(Find::kByIndex, engine),
        "1/s");
  }
  const double with_libsodium = pipeline.Measure(Find::kByIndex, kLibsodium);
  Row("trust.authenticated_heartbeats_per_core_libsodium", with_libsodium, "1/s");
  Row("trust.ratio_to_libsodium", by_index / with_libsodium, "1");
  pipeline.RefuseSpoilt();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  try {
    return flatline::Main(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "trust_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
