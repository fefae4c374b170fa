// What agent_in_c.c exports to the tests: agent.h and agent_lease.h as a C11 compiler sees them.
// Called by the test only. Plain C linkage.
#pragma once

#include <flatline/agent.h>
#include <flatline/agent_lease.h>

#ifdef __cplusplus
extern "C" {
#endif

size_t EncodeHeartbeatInC(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out);
size_t EncodeLeaveInC(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out);
bool DecodeAcknowledgementInC(const uint8_t* datagram, size_t size, FlatlineAcknowledgement* out);
size_t EncodeLeaseRequestInC(const FlatlineAgent* agent,
                             FlatlineLease* lease,
                             uint64_t now_ns,
                             uint8_t* out);
size_t EncodeLeaseReleaseInC(const FlatlineAgent* agent,
                             FlatlineLease* lease,
                             uint64_t now_ns,
                             uint8_t* out);
bool AcceptLeaseInC(const FlatlineAgent* agent,
                    FlatlineLease* lease,
                    const uint8_t* datagram,
                    size_t size,
                    uint64_t now_ns);
bool MayActInC(const FlatlineLease* lease, uint64_t now_ns);
uint64_t LeaseAskAtInC(const FlatlineLease* lease);

#ifdef __cplusplus
}
#endif
