// Any datagrams at a dataplane that requires tags, some of them tagged rightly by libsodium: one
// without the right tag of the endpoint it names changes not a bit of the table, and one is counted
// as authentic only where libsodium says so. The first byte chooses 64 or 128 bits.
#include "dataplane/authenticator.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_engine.h"
#include "tests/fuzz/small_region.h"
#include "tests/temporary_directory.h"

#include <flatline/heartbeat.h>
#include <flatline/master_key.h>
#include <flatline/wire.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sodium.h>
#include <string>
#include <vector>

namespace flatline {
namespace {

// The keys, the same in every process: a finding repeats.
class Keys {
 public:
  Keys() {
    std::ofstream(path_) << "flatline-master-key-1 " << std::string(64, '5') << "\n";
    std::filesystem::permissions(path_, std::filesystem::perms::owner_read);
    for (const std::uint32_t bits : {64U, 128U}) {
      Config config = SmallRegion::config();
      config.authentication = {.key = path_, .tag_bits = bits, .mode = Authentication::kRequired};
      authenticators_[bits / 128] = Authenticator::Load(config).value();
    }
    master_ = std::make_unique<MasterKey>(MasterKey::Load(path_).value());
  }

  [[nodiscard]] const Authenticator& authenticator(std::size_t tag_bytes) const {
    return *authenticators_[tag_bytes / 16];
  }

  // By libsodium, of the endpoint that the message names.
  [[nodiscard]] std::vector<std::byte> TagOf(std::span<const std::byte> message,
                                             std::size_t tag_bytes) const {
    const EndpointKey key = master_->Derive(wire::Load<std::uint64_t>(message.data() + 8));
    std::vector<std::byte> out(tag_bytes);
    auto* tag = reinterpret_cast<unsigned char*>(out.data());
    const auto* in = reinterpret_cast<const unsigned char*>(message.data());
    const auto* secret = reinterpret_cast<const unsigned char*>(key.data());
    if (tag_bytes == 8) {
      crypto_shorthash(tag, in, message.size(), secret);
    } else {
      crypto_shorthash_siphashx24(tag, in, message.size(), secret);
    }
    return out;
  }

 private:
  TemporaryDirectory place_;
  std::string path_ = place_.Path("key");
  std::array<std::unique_ptr<Authenticator>, 2> authenticators_;
  std::unique_ptr<MasterKey> master_;
};

const Keys& TheKeys() {
  static const Keys out;
  return out;
}

bool IsAuthentic(std::span<const std::byte> datagram, std::size_t tag_bytes) {
  if (datagram.size() < kHeartbeatSize + tag_bytes ||
      (datagram[4] & std::byte{kFlagAuthenticated}) == std::byte{}) {
    return false;
  }
  const auto message = datagram.first(datagram.size() - tag_bytes);
  return std::ranges::equal(TheKeys().TagOf(message, tag_bytes), datagram.last(tag_bytes));
}

// A datagram as a sender makes it: the magic, what the input says, a length that holds, and for
// half of them the right tag.
std::vector<std::byte> MakeDatagram(FuzzInput& input, std::size_t tag_bytes) {
  const auto how = input.Take<std::uint8_t>();
  const auto given = input.Bytes((how & 64) != 0 ? kHeartbeatSize + how % 64 : kHeartbeatSize);
  std::vector<std::byte> out(given.begin(), given.end());
  if ((how & 128) == 0) {
    out.resize(std::max(out.size(), kHeartbeatSize));
    wire::Store(out.data(), std::uint16_t{0x464C});
    out[2] = std::byte{1};
    out[4] |= std::byte{kFlagAuthenticated};
    wire::Store(out.data() + 36, static_cast<std::uint16_t>(out.size() - kHeartbeatSize));
    const auto tag = TheKeys().TagOf(out, tag_bytes);
    out.insert(out.end(), tag.begin(), tag.end());
    if ((how & 1) != 0) {
      out[input.Take<std::uint8_t>() % out.size()] ^= input.Take<std::byte>();
    }
  }
  return out;
}

std::uint64_t CountAuthentic(const RegionView& region) {
  return region.dataplane().counters[0][Counter::kAuthenticated] +
         region.dataplane().counters[1][Counter::kAuthenticated];
}

void HearOne(FuzzInput& input,
             std::size_t tag_bytes,
             const SmallRegion& region,
             SmallEngine& engine) {
  const RegionView& view = region.view();
  const auto datagram = MakeDatagram(input, tag_bytes);
  const auto table = region.bytes().subspan(view.layout().records);
  const std::vector<std::byte> before(table.begin(), table.end());
  const std::uint64_t authentic = CountAuthentic(view);
  engine.Hear(input.Take<std::uint8_t>(), datagram);
  for (int turn = 0; turn < 2; ++turn) {  // the second for what the first hands over
    engine.Turn(Milliseconds(1));
  }
  if (!IsAuthentic(datagram, tag_bytes)) {
    FLATLINE_CHECK(std::ranges::equal(table, before));
    FLATLINE_CHECK(CountAuthentic(view) == authentic);
  }
  CheckTable(view);
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const std::size_t tag_bytes = input.Take<std::uint8_t>() % 2 == 0 ? 8 : 16;
  const SmallRegion region;
  SmallEngine engine(region.view(), {.authenticator = &TheKeys().authenticator(tag_bytes)});
  for (int heard = 0; heard < 32 && !input.empty(); ++heard) {
    HearOne(input, tag_bytes, region, engine);
  }
  return 0;
}
