// What one worker hands to another: a heartbeat that only the owner of its endpoint may act on (the
// first of an endpoint, a revival, a restart, a change of health, a leave), or an answer to a probe
// (kind probe-reply, or probe where an echo brought it back) whose cookie was right. Pushed by the
// worker that received it before it publishes its drained_ns, taken by the owner after it has read
// the horizon and before it judges, so that no verdict overtakes it. One ring for each pair of
// workers; a full one refuses, is counted, and the endpoint's next heartbeat tries again. Payloads
// have rings of their own, so that those who say much take no room from those who come and go.
#pragma once

#include "dataplane/spsc_ring.h"

#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>
#include <flatline/payload.h>
#include <flatline/record.h>
#include <flatline/time.h>

#include <cstddef>
#include <optional>

namespace flatline {

struct Handoff {
  Heartbeat heartbeat;
  Stamp stamp = 0;         // when it was received
  Group group = kNoGroup;  // from its payload
  SourceAddress source;
  std::optional<Stamp> before{};  // of the record, where the receiver has put its own there
};

using HandoffRing = SpscRing<Handoff>;

// Eight bursts in which everything is for one other worker.
inline constexpr std::size_t kHandoffs = 2048;

using PayloadRing = SpscRing<Payload>;

// A burst in which everybody says something. What finds no room is not kept; the next one will do.
inline constexpr std::size_t kPayloadsOnTheirWay = 256;

}  // namespace flatline
