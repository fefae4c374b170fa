// Leases for agents, in C11 and C++ without any dependency: ask flatline for a lease, keep it, give
// it back, and know when one may act by it. Beside agent.h, with the same rules: bytes in and out
// only; sockets, clocks and timers are the caller's; one thread for each FlatlineLease. The wire is
// drawn in lease_message.h; tests hold the two together.
//
// The clock (`now_ns`) must not stop while the machine sleeps and must not be set: CLOCK_BOOTTIME.
// A grant counts from the instant at which it was asked for, less a sixty-fourth for clocks that
// drift, so that it ends here before it ends at flatline. Whoever acts asks FlatlineMayAct
// immediately before, and hands `token` to what it acts on, which refuses any lower one: a process
// may be stopped between asking and acting for longer than any term.
//
//   FlatlineLease lease = {.space = kFlatlineLeaseLeader, .number = my_group, .term_ms = 10000};
//   if (now >= FlatlineLeaseAskAt(&lease))
//     send(socket, datagram, FlatlineEncodeLeaseRequest(&agent, &lease, now, datagram), 0);
//   ...received:  FlatlineAcceptLease(&agent, &lease, datagram, size, now);
//   if (FlatlineMayAct(&lease, now)) ...
#pragma once

#include <flatline/agent.h>

// NOLINTBEGIN(performance-enum-size): C11 knows no base type of an enum
enum { kFlatlineLeaseElement = 34, kFlatlineLargestLeaseRequest = 90 };

enum { kFlatlineLeaseName = 0, kFlatlineLeaseOwn = 1, kFlatlineLeaseLeader = 2 };

// What flatline answers; the meaning of each is in lease_message.h.
enum {
  kFlatlineLeaseGranted = 0,
  kFlatlineLeaseReleased = 1,
  kFlatlineLeaseHeld = 2,
  kFlatlineLeaseWaits = 3,
  kFlatlineLeaseFull = 4,
  kFlatlineLeaseNotGranting = 5,
  kFlatlineLeaseNotEntitled = 6,
  kFlatlineLeaseNotAlive = 7,
  kFlatlineLeaseNotHeld = 8,
  kFlatlineLeaseNothing = 255  // no answer yet
};

// NOLINTEND(performance-enum-size)

// Space, number and term are the caller's; the rest begins as zero, `answer` best as
// kFlatlineLeaseNothing.
typedef struct FlatlineLease {
  uint64_t number;       // of the name, of the endpoint itself, or of its group
  uint32_t term_ms;      // asked for; flatline may grant less
  uint8_t space;         // kFlatlineLeaseName, …
  uint8_t answer;        // the last one
  uint32_t granted_ms;   // the last term granted
  uint32_t wait_ms;      // where refused: no use to ask before so long, if that is known; else 0
  uint64_t token;        // of this tenure; where refused as held: of the one that holds it
  uint64_t holder;       // where refused as held: by whom
  uint64_t until_ns;     // may act before this instant
  uint64_t given_up_ns;  // grants that were asked for up to this instant do not count
  uint64_t asked_ns;     // the last request
  uint64_t refused_ns;   // the last refusal; 0: it was none
} FlatlineLease;

// Whether the holder may act at this instant.
static inline bool FlatlineMayAct(const FlatlineLease* lease, uint64_t now_ns) {
  return now_ns < lease->until_ns;
}

// When to ask next: a holder when a third of its term is gone, others twice a second, or when they
// were told to.
static inline uint64_t FlatlineLeaseAskAt(const FlatlineLease* lease) {
  const uint64_t often = 500000000;
  if (lease->asked_ns == 0) {
    return 0;
  }
  if (lease->answer == kFlatlineLeaseGranted && lease->granted_ms != 0) {
    // Unanswered ones are asked again a tenth of the term later.
    const uint64_t base = lease->until_ns - (uint64_t)lease->granted_ms * 984375 +
                          (uint64_t)lease->granted_ms * 333333;
    const uint64_t again = lease->asked_ns + (uint64_t)lease->granted_ms * 100000;
    return base > again ? base : again;
  }
  if (lease->wait_ms != 0 && lease->asked_ns <= lease->refused_ns) {  // not asked since
    const uint64_t told = lease->refused_ns + (uint64_t)lease->wait_ms * 1000000;
    const uint64_t soon = lease->asked_ns + often;
    return told < soon ? told : soon;  // its holder may give it up before
  }
  return lease->asked_ns + often;
}

static inline size_t FlatlineEncodeLease(const FlatlineAgent* agent,
                                         const FlatlineLease* lease,
                                         uint8_t wish,
                                         uint64_t now_ns,
                                         uint8_t* out) {
  uint8_t* const at = out + kFlatlineHeartbeatSize;
  const size_t size = (size_t)kFlatlineHeartbeatSize + kFlatlineLeaseElement;
  FlatlineStore(out, 0x464C01, 3);  // "FL", version 1
  out[3] = 5;
  out[4] = (uint8_t)((agent->has_handle ? 2 : 0) | (agent->tag_size != 0 ? 4 : 0));
  out[5] = agent->health;
  FlatlineStore(out + 6, agent->profile, 2);
  FlatlineStore(out + 8, agent->id, 8);
  FlatlineStore(out + 16, agent->incarnation, 4);
  FlatlineStore(out + 20, agent->sequence, 4);  // of the last heartbeat
  FlatlineStore(out + 24, now_ns, 8);
  FlatlineStore(out + 32, agent->has_handle ? agent->handle : 0, 4);
  FlatlineStore(out + 36, (uint64_t)kFlatlineLeaseElement << 16, 4);
  FlatlineStore(at, 0x0A20, 2);
  at[2] = lease->space;
  at[3] = wish;
  FlatlineStore(at + 4, 0, 2);
  FlatlineStore(at + 6, lease->term_ms, 4);
  FlatlineStore(at + 10, lease->number, 8);
  FlatlineStore(at + 18, lease->token, 8);
  FlatlineStore(at + 26, 0, 8);
  FlatlineSipHash(agent->key, out, size, agent->tag_size, out + size);
  return size + agent->tag_size;
}

// A request to have the lease, or to keep it, into `out` (kFlatlineLargestLeaseRequest bytes);
// returns its size. Only after a heartbeat of this life: flatline grants to who is known and alive.
static inline size_t FlatlineEncodeLeaseRequest(const FlatlineAgent* agent,
                                                FlatlineLease* lease,
                                                uint64_t now_ns,
                                                uint8_t* out) {
  lease->asked_ns = now_ns;
  return FlatlineEncodeLease(agent, lease, 0, now_ns, out);
}

// Gives it up from this instant on: FlatlineMayAct is false when this returns. The datagram tells
// flatline, so that nobody has to wait for the term; lost, it runs out.
static inline size_t FlatlineEncodeLeaseRelease(const FlatlineAgent* agent,
                                                FlatlineLease* lease,
                                                uint64_t now_ns,
                                                uint8_t* out) {
  lease->until_ns = 0;
  lease->given_up_ns = now_ns;
  lease->asked_ns = now_ns;
  lease->granted_ms = 0;
  return FlatlineEncodeLease(agent, lease, 1, now_ns, out);
}

// Whether `datagram` is an answer to a request of this life of this agent for this lease, and not
// forged (where the agent has a key); only then is anything taken from it.
static inline bool FlatlineAcceptLease(const FlatlineAgent* agent,
                                       FlatlineLease* lease,
                                       const uint8_t* datagram,
                                       size_t size,
                                       uint64_t now_ns) {
  const uint8_t* const at = datagram + kFlatlineHeartbeatSize;
  if (size != (size_t)kFlatlineHeartbeatSize + kFlatlineLeaseElement + agent->tag_size ||
      FlatlineLoad(datagram, 4) != 0x464C0106 ||
      ((datagram[4] & 4U) != 0) != (agent->tag_size != 0) ||
      FlatlineLoad(datagram + 8, 8) != agent->id ||
      FlatlineLoad(datagram + 16, 4) != agent->incarnation ||
      FlatlineLoad(datagram + 36, 4) != (uint64_t)kFlatlineLeaseElement << 16 ||
      FlatlineLoad(at, 2) != 0x0B20 || at[2] != lease->space || at[3] > kFlatlineLeaseNotHeld ||
      FlatlineLoad(at + 10, 8) != lease->number || !FlatlineIsGenuine(agent, datagram, size)) {
    return false;
  }
  const uint64_t asked_ns = FlatlineLoad(datagram + 24, 8);
  const bool is_granted = at[3] == kFlatlineLeaseGranted;
  if (asked_ns > now_ns || asked_ns < lease->given_up_ns ||
      (is_granted && asked_ns == lease->given_up_ns)) {
    return false;
  }
  const uint32_t ms = (uint32_t)FlatlineLoad(at + 6, 4);
  const uint64_t token = FlatlineLoad(at + 18, 8);
  if (is_granted) {
    // Less a sixty-fourth: 984375 ns of each millisecond.
    const uint64_t until_ns = asked_ns + (uint64_t)ms * 984375;
    if (until_ns > lease->until_ns) {
      lease->until_ns = until_ns;
      lease->granted_ms = ms;
      lease->token = token;
    }
    lease->answer = kFlatlineLeaseGranted;
    lease->refused_ns = 0;
    lease->wait_ms = 0;
    lease->holder = agent->id;
    return true;
  }
  lease->answer = at[3];
  lease->wait_ms = ms;
  lease->refused_ns = now_ns;
  lease->holder = FlatlineLoad(at + 26, 8);
  if (!FlatlineMayAct(lease, now_ns)) {
    lease->token = token;
    lease->granted_ms = 0;
  }
  return true;
}
