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

size_t EncodeLeaseRequestInC(const FlatlineAgent* agent,
                             FlatlineLease* lease,
                             uint64_t now_ns,
                             uint8_t* out) {
  return FlatlineEncodeLeaseRequest(agent, lease, now_ns, out);
}

size_t EncodeLeaseReleaseInC(const FlatlineAgent* agent,
                             FlatlineLease* lease,
                             uint64_t now_ns,
                             uint8_t* out) {
  return FlatlineEncodeLeaseRelease(agent, lease, now_ns, out);
}

bool AcceptLeaseInC(const FlatlineAgent* agent,
                    FlatlineLease* lease,
                    const uint8_t* datagram,
                    size_t size,
                    uint64_t now_ns) {
  return FlatlineAcceptLease(agent, lease, datagram, size, now_ns);
}

bool MayActInC(const FlatlineLease* lease, uint64_t now_ns) {
  return FlatlineMayAct(lease, now_ns);
}

uint64_t LeaseAskAtInC(const FlatlineLease* lease) {
  return FlatlineLeaseAskAt(lease);
}
