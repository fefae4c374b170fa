#include "tests/include/agent_in_c.h"

size_t EncodeHeartbeatInC(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out) {
  return FlatlineEncodeHeartbeat(agent, sent_ns, out);
}

size_t EncodeLeaveInC(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out) {
  return FlatlineEncodeLeave(agent, sent_ns, out);
}

bool DecodeAcknowledgementInC(const uint8_t* datagram, size_t size, FlatlineAcknowledgement* out) {
  return FlatlineDecodeAcknowledgement(datagram, size, out);
}
