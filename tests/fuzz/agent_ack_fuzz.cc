// Any bytes as an acknowledgement: the agent's C decoder and the dataplane's must agree on whether
// it is one, and on every field.
#include <flatline/agent.h>
#include <flatline/check.h>
#include <flatline/heartbeat.h>

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto ours = flatline::DecodeHeartbeat(std::as_bytes(std::span{data, size}));
  const bool takes = ours.has_value() && ours->kind == flatline::HeartbeatKind::kAcknowledgement;
  FlatlineAcknowledgement theirs{};
  FLATLINE_CHECK(FlatlineDecodeAcknowledgement(data, size, &theirs) == takes);
  if (takes) {
    FLATLINE_CHECK(theirs.id == ours->id && theirs.incarnation == ours->incarnation);
    FLATLINE_CHECK(theirs.sequence == ours->sequence && theirs.sent_ns == ours->sent_ns);
    FLATLINE_CHECK(theirs.profile == ours->profile);
    FLATLINE_CHECK(theirs.has_handle == (ours->handle != flatline::kNoSlot));
    FLATLINE_CHECK(!theirs.has_handle || theirs.handle == ours->handle);
  }
  return 0;
}
