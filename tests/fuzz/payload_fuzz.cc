// What an endpoint says of itself, as any bytes: elements are refused whole or read within their
// bounds, as a reader of our own reads them; what is kept comes back as it was said; and entries of
// a pool that hold anything are adopted as nobody's, or as one known endpoint's.
#include "dataplane/payload_elements.h"
#include "dataplane/payload_pool.h"
#include "tests/fuzz/fuzz_input.h"

#include <flatline/check.h>
#include <flatline/payload.h>
#include <flatline/wire.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace flatline {
namespace {

constexpr std::uint64_t kHashKey = 0x5EED;
constexpr EndpointId kKnown = 12;  // ids below it are endpoints

using Values = std::map<std::uint8_t, std::span<const std::byte>>;

// The last value of each type, read from behind the length alone; nothing where one is wrong.
std::optional<Values> ValuesOf(std::span<const std::byte> payload) {
  constexpr std::size_t kAny = 256;
  const auto longest = [](std::uint8_t type) {
    return type == kElementText ? kMostPayloadText : kAny;
  };
  Values out;
  for (std::size_t at = 0; at < payload.size();) {
    if (at + 2 > payload.size()) {
      return std::nullopt;
    }
    const auto type = std::to_integer<std::uint8_t>(payload[at]);
    const auto length = std::to_integer<std::size_t>(payload[at + 1]);
    const bool is_number = type == kElementGroup || type == kElementLoad || type == kElementMemory;
    if (at + 2 + length > payload.size() || length > longest(type) || (is_number && length != 4)) {
      return std::nullopt;
    }
    out[type] = payload.subspan(at + 2, length);
    at += 2 + length;
  }
  return out;
}

std::uint32_t NumberIn(const Values& values, std::uint8_t type) {
  const auto found = values.find(type);
  return found == values.end() ? 0 : wire::Load<std::uint32_t>(found->second.data());
}

void CheckElements(std::span<const std::byte> payload) {
  const auto read = ParsePayloadElements(payload);
  const auto values = ValuesOf(payload);
  FLATLINE_CHECK(read.has_value() == values.has_value());
  if (!read) {
    FLATLINE_CHECK(read.error() == DropReason::kBadPayload);
    return;
  }
  FLATLINE_CHECK(read->group == NumberIn(*values, kElementGroup));
  FLATLINE_CHECK(read->load == NumberIn(*values, kElementLoad));
  FLATLINE_CHECK(read->memory == NumberIn(*values, kElementMemory));
  const auto text = values->find(kElementText);
  FLATLINE_CHECK(((read->said & kSaidText) != 0) == (text != values->end()));
  FLATLINE_CHECK(text == values->end() || std::ranges::equal(read->text, text->second));
}

// A pool over entries that hold what the input says.
void CheckPool(FuzzInput& input) {
  std::vector<PayloadEntry> entries(8);
  for (PayloadEntry& entry : entries) {
    entry.version.store(input.Take<std::uint8_t>(), std::memory_order_relaxed);
    entry.words[0].store(input.Take<std::uint8_t>() % (2 * kKnown), std::memory_order_relaxed);
    for (std::size_t word = 1; word < entry.words.size() && !input.empty(); ++word) {
      entry.words[word].store(input.Take<std::uint64_t>(), std::memory_order_relaxed);
    }
  }
  auto pool = PayloadPool::Create(entries, kHashKey);
  FLATLINE_CHECK(pool.has_value());
  pool->Adopt([](EndpointId id) { return id != kNoEndpoint && id < kKnown; });
  for (EndpointId id = 1; id < 2 * kKnown; ++id) {
    const auto found = pool->Find(id);
    FLATLINE_CHECK(!found || (id < kKnown && found->id == id));
  }
  Payload said{.id = 1 + input.Take<std::uint8_t>() % (kKnown - 1),
               .heard_ns = 1'000'000'000,
               .sent_ns = input.Take<std::uint64_t>(),
               .incarnation = 0xFFFFFFFFU,
               .sequence = input.Take<std::uint32_t>(),
               .said = kSaidText,
               .text_size = 5};
  std::memcpy(said.text.data(), "words", 5);
  const bool had_one = pool->Find(said.id).has_value();
  const std::uint64_t taken = pool->size();
  const PayloadPool::Kept kept = pool->Keep(said);
  FLATLINE_CHECK((kept == PayloadPool::Kept::kFull) == (!had_one && taken == pool->capacity()));
  if (kept == PayloadPool::Kept::kKept) {
    FLATLINE_CHECK(pool->Find(said.id)->words() == "words");
  }
  pool->Forget(said.id);
  FLATLINE_CHECK(!pool->Find(said.id));
  FLATLINE_CHECK(pool->size() == taken - (had_one ? 1 : 0));
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  if (input.Take<std::uint8_t>() % 2 == 0) {
    CheckElements(input.Bytes(kMaxHeartbeatPayload));
  } else {
    CheckPool(input);
  }
  return 0;
}
