// Any bytes as a probe at an agent: it answers what the dataplane's decoder takes for a probe of
// its own, with the right tag where it has a key, and nothing else; the answer is no longer than
// the question and is a reply of this agent. The first byte chooses the size of the tag, and
// whether the bytes are made into a probe first.
#include "tests/fuzz/fuzz_input.h"

#include <flatline/agent.h>
#include <flatline/check.h>
#include <flatline/heartbeat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <sodium.h>
#include <span>
#include <vector>

namespace flatline {
namespace {

constexpr EndpointId kId = 0x0102030405060708;

FlatlineAgent AgentWith(std::size_t tag_size) {
  FlatlineAgent out{};
  out.id = kId;
  out.incarnation = 7;
  out.health = kFlatlineDegraded;
  out.tag_size = static_cast<std::uint8_t>(tag_size);
  std::ranges::fill(out.key, std::uint8_t{0x5A});
  return out;
}

// By libsodium.
std::vector<std::uint8_t> TagOf(const FlatlineAgent& agent, std::span<const std::uint8_t> message) {
  std::vector<std::uint8_t> out(agent.tag_size);
  if (agent.tag_size == 8) {
    crypto_shorthash(out.data(), message.data(), message.size(), agent.key);
  } else if (agent.tag_size == 16) {
    crypto_shorthash_siphashx24(out.data(), message.data(), message.size(), agent.key);
  }
  return out;
}

bool HasRightTag(const FlatlineAgent& agent, std::span<const std::uint8_t> datagram) {
  return datagram.size() == kHeartbeatSize + agent.tag_size &&
         std::ranges::equal(datagram.subspan(kHeartbeatSize),
                            TagOf(agent, datagram.first(kHeartbeatSize)));
}

// What the input says, made into a question to this agent.
void MakeProbe(const FlatlineAgent& agent, std::vector<std::uint8_t>& datagram) {
  datagram.resize(kHeartbeatSize);
  constexpr std::array<std::uint8_t, 4> kBegin{'F', 'L', 1, 3};
  std::ranges::copy(kBegin, datagram.begin());
  datagram[4] = static_cast<std::uint8_t>((datagram[4] & 3U) | (agent.tag_size != 0 ? 4U : 0U));
  datagram[5] &= 3U;
  FlatlineStore(&datagram[8], kId, 8);
  FlatlineStore(&datagram[36], 0, 4);
  const auto tag = TagOf(agent, datagram);
  datagram.insert(datagram.end(), tag.begin(), tag.end());
}

void CheckAnswer(const FlatlineAgent& agent,
                 std::span<const std::uint8_t> asked,
                 std::span<const std::uint8_t> answer) {
  const auto question = DecodeHeartbeat(std::as_bytes(asked));
  FLATLINE_CHECK(question && question->kind == HeartbeatKind::kProbe && question->id == kId);
  FLATLINE_CHECK(answer.size() == kHeartbeatSize + agent.tag_size);
  FLATLINE_CHECK(answer.size() <= asked.size());
  FLATLINE_CHECK(agent.tag_size == 0 || HasRightTag(agent, asked));
  FLATLINE_CHECK(HasRightTag(agent, answer));
  const auto said = DecodeHeartbeat(std::as_bytes(answer));
  FLATLINE_CHECK(said && said->kind == HeartbeatKind::kProbeReply && said->id == kId);
  FLATLINE_CHECK(said->incarnation == agent.incarnation);
  FLATLINE_CHECK(said->health == static_cast<Health>(agent.health));
  FLATLINE_CHECK(said->sequence == question->sequence && said->sent_ns == question->sent_ns);
  FLATLINE_CHECK(said->handle == question->handle);
  FLATLINE_CHECK(IsTagged(std::as_bytes(answer)) == (agent.tag_size != 0));
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  const auto how = input.Take<std::uint8_t>();
  const FlatlineAgent agent = AgentWith(8 * std::size_t{how} % 24);
  const std::string_view text = input.Text();
  std::vector<std::uint8_t> datagram(text.begin(), text.end());
  const bool is_made = (how & 128) != 0;
  if (is_made) {
    MakeProbe(agent, datagram);
  }
  std::vector<std::uint8_t> answer(datagram.size());
  const std::size_t length =
      FlatlineAnswerProbe(&agent, datagram.data(), datagram.size(), answer.data());
  FLATLINE_CHECK(length <= answer.size());
  FLATLINE_CHECK(!is_made || length != 0);
  if (length != 0) {
    CheckAnswer(agent, datagram, std::span(answer).first(length));
  }
  return 0;
}
