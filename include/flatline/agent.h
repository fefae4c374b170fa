// The heartbeat for agents, in C11 and C++ without any dependency: encode a heartbeat or a leave,
// decode an acknowledgement. Called by whoever wants to be watched, from any thread that owns its
// FlatlineAgent. Bytes in and out only: sockets, clocks and timers are the caller's. Cost: stores
// into a buffer of the caller's, no allocation. The wire is drawn in heartbeat.h; tests hold the
// two together.
//
//   FlatlineAgent agent = {.id = 4711, .incarnation = boot_count, .health = kFlatlineReady};
//   uint8_t datagram[kFlatlineLargestHeartbeat];
//   size_t size = FlatlineEncodeHeartbeat(&agent, wall_clock_ns, datagram);
//   sendto(socket, datagram, size, 0, to, to_size);     // once per interval, with some jitter
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// NOLINTBEGIN(performance-enum-size): C11 knows no base type of an enum
enum {
  kFlatlinePort = 17996,
  kFlatlineHeartbeatSize = 40,
  kFlatlineLargestHeartbeat = 46,  // with the group
  kFlatlineMostPayload = 256
};

enum {
  kFlatlineHealthUnknown = 0,
  kFlatlineReady = 1,
  kFlatlineDegraded = 2,
  kFlatlineFailing = 3
};

// NOLINTEND(performance-enum-size)

// All zero but for the id is a good beginning.
typedef struct FlatlineAgent {
  uint64_t id;           // not 0
  uint32_t incarnation;  // greater with every start of the agent: a boot count, or the time in s
  uint32_t sequence;     // of the last heartbeat; counted up by the encoders, wraps
  uint32_t group;        // failure domain, 0 for none; read when the endpoint is enrolled
  uint16_t profile;      // 0: as enrolled, or the default
  uint8_t health;
  bool wants_acknowledgement;
  bool has_handle;
  uint32_t handle;  // from the last acknowledgement: a heartbeat that carries it is found faster
} FlatlineAgent;

typedef struct FlatlineAcknowledgement {
  uint64_t id;
  uint64_t sent_ns;  // as the heartbeat carried it: now less this is the round trip
  uint32_t incarnation;
  uint32_t sequence;
  uint32_t handle;
  uint16_t profile;  // under which the endpoint is enrolled
  bool has_handle;
} FlatlineAcknowledgement;

static inline void FlatlineStore(uint8_t* at, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
  }
}

static inline uint64_t FlatlineLoad(const uint8_t* at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value = value << 8 | at[i];
  }
  return value;
}

static inline size_t FlatlineEncode(const FlatlineAgent* agent,
                                    uint8_t kind,
                                    uint64_t sent_ns,
                                    uint8_t* out) {
  const size_t payload = agent->group != 0 ? 6 : 0;
  FlatlineStore(out, 0x464C01, 3);  // "FL", version 1
  out[3] = kind;
  out[4] = (uint8_t)((agent->wants_acknowledgement ? 1 : 0) | (agent->has_handle ? 2 : 0));
  out[5] = agent->health;
  FlatlineStore(out + 6, agent->profile, 2);
  FlatlineStore(out + 8, agent->id, 8);
  FlatlineStore(out + 16, agent->incarnation, 4);
  FlatlineStore(out + 20, agent->sequence, 4);
  FlatlineStore(out + 24, sent_ns, 8);
  FlatlineStore(out + 32, agent->has_handle ? agent->handle : 0, 4);
  FlatlineStore(out + 36, (uint64_t)payload << 16, 4);
  if (payload != 0) {
    FlatlineStore(out + 40, 0x0104, 2);  // element: group, 4 bytes
    FlatlineStore(out + 42, agent->group, 4);
  }
  return kFlatlineHeartbeatSize + payload;
}

// The next heartbeat into `out` (kFlatlineLargestHeartbeat bytes); returns its size. `sent_ns` is
// the wall clock since the epoch, or 0 where it is not to be told.
static inline size_t FlatlineEncodeHeartbeat(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out) {
  ++agent->sequence;
  return FlatlineEncode(agent, 0, sent_ns, out);
}

// A farewell: the endpoint goes on purpose, and nobody is to be alarmed. UDP may lose it: send two
// or three. Only a higher incarnation comes back from it.
static inline size_t FlatlineEncodeLeave(FlatlineAgent* agent, uint64_t sent_ns, uint8_t* out) {
  ++agent->sequence;
  return FlatlineEncode(agent, 1, sent_ns, out);
}

// Whether `datagram` is a well-formed acknowledgement; only then is `out` written.
static inline bool FlatlineDecodeAcknowledgement(const uint8_t* datagram,
                                                 size_t size,
                                                 FlatlineAcknowledgement* out) {
  if (size < kFlatlineHeartbeatSize || FlatlineLoad(datagram, 4) != 0x464C0102) {
    return false;
  }
  const uint8_t flags = datagram[4];
  const size_t payload = (size_t)FlatlineLoad(datagram + 36, 2);
  const size_t stated = kFlatlineHeartbeatSize + payload;
  const bool tagged = (flags & 4U) != 0;
  if (flags > 7 || datagram[5] > kFlatlineFailing || FlatlineLoad(datagram + 8, 8) == 0 ||
      FlatlineLoad(datagram + 38, 2) != 0 || payload > kFlatlineMostPayload || size < stated ||
      (size > stated && !tagged)) {
    return false;
  }
  out->profile = (uint16_t)FlatlineLoad(datagram + 6, 2);
  out->id = FlatlineLoad(datagram + 8, 8);
  out->incarnation = (uint32_t)FlatlineLoad(datagram + 16, 4);
  out->sequence = (uint32_t)FlatlineLoad(datagram + 20, 4);
  out->sent_ns = FlatlineLoad(datagram + 24, 8);
  out->handle = (uint32_t)FlatlineLoad(datagram + 32, 4);
  out->has_handle = (flags & 2U) != 0 && out->handle != 0xFFFFFFFFU;
  return true;
}

// Keeps the handle for the heartbeats to come, where the acknowledgement is for this life of this
// agent; says whether it was.
static inline bool FlatlineAccept(FlatlineAgent* agent,
                                  const FlatlineAcknowledgement* acknowledgement) {
  if (acknowledgement->id != agent->id || acknowledgement->incarnation != agent->incarnation) {
    return false;
  }
  if (acknowledgement->has_handle) {
    agent->has_handle = true;
    agent->handle = acknowledgement->handle;
  }
  return true;
}
