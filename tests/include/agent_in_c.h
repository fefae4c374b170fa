// What agent_in_c.c exports to agent_test.cc: agent.h as a C11 compiler sees it.
// Called by the test only. Plain C linkage.
#pragma once

#include <flatline/agent.h>

#ifdef __cplusplus
extern "C" {
#endif

size_t EncodeHeartbeatInC(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out);
size_t EncodeLeaveInC(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out);
bool DecodeAcknowledgementInC(const uint8_t* datagram, size_t size, FlatlineAcknowledgement* out);

#ifdef __cplusplus
}
#endif
