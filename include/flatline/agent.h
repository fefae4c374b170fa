// The heartbeat for agents, in C11 and C++ without any dependency: encode a heartbeat or a leave,
// decode an acknowledgement, answer a probe. Called by whoever wants to be watched, from any thread
// that owns its FlatlineAgent. Bytes in and out only: sockets, clocks and timers are the caller's.
// Cost: stores into a buffer of the caller's, no allocation. The wire is drawn in heartbeat.h;
// tests hold the two together.
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
  kFlatlineLargestHeartbeat = 204,  // with the group, all that can be said, and a tag
  kFlatlineMostPayload = 256,
  kFlatlineMostText = 128
};

enum {
  kFlatlineHealthUnknown = 0,
  kFlatlineReady = 1,
  kFlatlineDegraded = 2,
  kFlatlineFailing = 3
};

// Which numbers of an agent are told: bits of `says`.
enum { kFlatlineSaysLoad = 1, kFlatlineSaysMemory = 2 };

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
  uint32_t handle;   // from the last acknowledgement: a heartbeat that carries it is found faster
  uint8_t tag_size;  // 8 or 16, as authentication.tag_bits says in bits; 0: no tag
  uint8_t key[16];   // of this endpoint: FlatlineReadKey
  uint8_t says;      // which of the next two are told
  uint32_t load;  // thousandths: of the work that waits or runs for each processor, or as you like
  uint32_t memory;   // thousandths of it that are in use
  const char* text;  // UTF-8, of which 128 bytes are told; null: none. Never freed
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

static inline uint64_t FlatlineLoadLittle(const uint8_t* at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i > 0; --i) {
    value = value << 8 | at[i - 1];
  }
  return value;
}

static inline uint64_t FlatlineRotate(uint64_t value, unsigned by) {
  return value << by | value >> (64 - by);
}

static inline void FlatlineSipRounds(uint64_t v[4], int rounds) {
  for (; rounds > 0; --rounds) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = FlatlineRotate(v[1], 13) ^ v[0];
    v[3] = FlatlineRotate(v[3], 16) ^ v[2];
    v[0] = FlatlineRotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = FlatlineRotate(v[1], 17) ^ v[2];
    v[3] = FlatlineRotate(v[3], 21) ^ v[0];
    v[2] = FlatlineRotate(v[2], 32);
  }
}

// SipHash-2-4 of `size` bytes, of 8 or 16 bytes, into `out`.
static inline void FlatlineSipHash(
    const uint8_t key[16], const uint8_t* message, size_t size, size_t tag_size, uint8_t* out) {
  const uint64_t low = FlatlineLoadLittle(key, 8);
  const uint64_t high = FlatlineLoadLittle(key + 8, 8);
  const bool is_wide = tag_size == 16;
  uint64_t v[4] = {low ^ 0x736F6D6570736575,
                   high ^ 0x646F72616E646F6D ^ (is_wide ? 0xEEU : 0U),
                   low ^ 0x6C7967656E657261,
                   high ^ 0x7465646279746573};
  const size_t whole = size / 8 * 8;
  for (size_t i = 0; i <= whole; i += 8) {
    const uint64_t word = i < whole ? FlatlineLoadLittle(message + i, 8)
                                    : FlatlineLoadLittle(message + i, size - whole) | (uint64_t)size
                                                                                          << 56;
    v[3] ^= word;
    FlatlineSipRounds(v, 2);
    v[0] ^= word;
  }
  v[2] ^= is_wide ? 0xEEU : 0xFFU;
  for (size_t half = 0; half < tag_size; half += 8) {
    FlatlineSipRounds(v, 4);
    const uint64_t word = v[0] ^ v[1] ^ v[2] ^ v[3];
    for (size_t i = 0; i < 8; ++i) {
      out[half + i] = (uint8_t)(word >> (8 * i));
    }
    v[1] ^= 0xDDU;
  }
}

// Of a hexadecimal digit; -1 where it is none.
static inline int FlatlineDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const int letter = (c | 0x20) - 'a';
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

// A key as `flatline key derive` prints it, 32 hexadecimal digits: whether it was one.
static inline bool FlatlineReadKey(const char* text, uint8_t key[16]) {
  for (size_t i = 0; i < 32; ++i) {
    const int digit = FlatlineDigit(text[i]);
    if (digit < 0) {
      return false;
    }
    key[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : key[i / 2] | digit);
  }
  return text[32] == '\0';
}

// A payload element of four bytes; returns where the next one goes.
static inline uint8_t* FlatlineStoreElement(uint8_t* at, uint8_t type, uint32_t value) {
  FlatlineStore(at, ((uint64_t)type << 8) | 4U, 2);
  FlatlineStore(at + 2, value, 4);
  return at + 6;
}

// The text as far as there is room, never cut within a character of UTF-8.
static inline uint8_t* FlatlineStoreText(uint8_t* at, const char* text) {
  size_t size = 0;
  while (size < kFlatlineMostText && text[size] != '\0') {
    ++size;
  }
  while (size > 0 && ((uint8_t)text[size] & 0xC0U) == 0x80U) {
    --size;
  }
  at[0] = 4;
  at[1] = (uint8_t)size;
  for (size_t i = 0; i < size; ++i) {
    at[2 + i] = (uint8_t)text[i];
  }
  return at + 2 + size;
}

// What the agent has to tell, at most 158 bytes; returns their number.
static inline size_t FlatlineEncodePayload(const FlatlineAgent* agent, uint8_t* out) {
  uint8_t* at = out;
  if (agent->group != 0) {
    at = FlatlineStoreElement(at, 1, agent->group);
  }
  if ((agent->says & kFlatlineSaysLoad) != 0) {
    at = FlatlineStoreElement(at, 2, agent->load);
  }
  if ((agent->says & kFlatlineSaysMemory) != 0) {
    at = FlatlineStoreElement(at, 3, agent->memory);
  }
  if (agent->text != NULL) {  // NOLINT(modernize-use-nullptr): C11 has none
    at = FlatlineStoreText(at, agent->text);
  }
  return (size_t)(at - out);
}

static inline size_t FlatlineEncode(const FlatlineAgent* agent,
                                    uint8_t kind,
                                    uint64_t sent_ns,
                                    uint8_t* out) {
  const size_t payload = FlatlineEncodePayload(agent, out + kFlatlineHeartbeatSize);
  FlatlineStore(out, 0x464C01, 3);  // "FL", version 1
  out[3] = kind;
  out[4] = (uint8_t)((agent->wants_acknowledgement ? 1 : 0) | (agent->has_handle ? 2 : 0) |
                     (agent->tag_size != 0 ? 4 : 0));
  out[5] = agent->health;
  FlatlineStore(out + 6, agent->profile, 2);
  FlatlineStore(out + 8, agent->id, 8);
  FlatlineStore(out + 16, agent->incarnation, 4);
  FlatlineStore(out + 20, agent->sequence, 4);
  FlatlineStore(out + 24, sent_ns, 8);
  FlatlineStore(out + 32, agent->has_handle ? agent->handle : 0, 4);
  FlatlineStore(out + 36, (uint64_t)payload << 16, 4);
  const size_t size = kFlatlineHeartbeatSize + payload;
  FlatlineSipHash(agent->key, out, size, agent->tag_size, out + size);
  return size + agent->tag_size;
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

// Whether the datagram may be taken for flatline's: it ends with the right tag. Always, where the
// agent uses none. Ask it of acknowledgements before FlatlineAccept.
static inline bool FlatlineIsGenuine(const FlatlineAgent* agent,
                                     const uint8_t* datagram,
                                     size_t size) {
  if (agent->tag_size == 0) {
    return true;
  }
  if (size < kFlatlineHeartbeatSize + (size_t)agent->tag_size || (datagram[4] & 4U) == 0) {
    return false;
  }
  uint8_t tag[16] = {0};
  uint8_t difference = 0;
  FlatlineSipHash(agent->key, datagram, size - agent->tag_size, agent->tag_size, tag);
  for (size_t i = 0; i < agent->tag_size; ++i) {
    difference |= (uint8_t)(tag[i] ^ datagram[size - agent->tag_size + i]);
  }
  return difference == 0;
}

// The answer to a probe by which flatline asks whether this agent is there, into `out` (as large as
// the datagram); returns its size, or 0 where the datagram is no probe of it, or forged. Send it
// back to where the probe came from. The answer is no longer than the question, and repeats what is
// flatline's own: sequence, clock and handle. An agent without a key looks at no tag, and answers
// without one: where tags are accepted and not required, that counts.
static inline size_t FlatlineAnswerProbe(const FlatlineAgent* agent,
                                         const uint8_t* datagram,
                                         size_t size,
                                         uint8_t* out) {
  if (size < kFlatlineHeartbeatSize || FlatlineLoad(datagram, 4) != 0x464C0103 || datagram[4] > 7 ||
      datagram[5] > kFlatlineFailing || FlatlineLoad(datagram + 8, 8) != agent->id ||
      FlatlineLoad(datagram + 36, 4) != 0) {
    return 0;
  }
  const size_t tag = size - kFlatlineHeartbeatSize;
  if (((datagram[4] & 4U) != 0) != (tag != 0) || (tag != 0 && tag != 8 && tag != 16) ||
      (agent->tag_size != 0 && tag != agent->tag_size) ||
      !FlatlineIsGenuine(agent, datagram, size)) {
    return 0;
  }
  for (size_t i = 0; i < kFlatlineHeartbeatSize; ++i) {
    out[i] = datagram[i];
  }
  out[3] = 4;
  out[4] = (uint8_t)((datagram[4] & 3U) | (agent->tag_size != 0 ? 4U : 0U));
  out[5] = agent->health;
  FlatlineStore(out + 16, agent->incarnation, 4);
  FlatlineSipHash(
      agent->key, out, kFlatlineHeartbeatSize, agent->tag_size, out + kFlatlineHeartbeatSize);
  return kFlatlineHeartbeatSize + (size_t)agent->tag_size;
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
