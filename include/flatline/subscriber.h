// The subscriber's side of the delivery stream for C11, over the same client as client.h: connect,
// hear every record once and in order, resume after a break. Link with libflatline. One thread for
// each subscriber. Assumes a record handed to the callback has been dealt with when the callback
// returns. Nothing is thrown and nothing is kept of what it is given.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// As it is on the wire, include/README.md; the checksum has been verified.
typedef struct FlatlineRecord {
  uint64_t sequence;
  int64_t at_ns;
  uint64_t endpoint;
  int64_t silence_ns;
  uint32_t incarnation;
  uint32_t heartbeat_sequence;
  uint32_t group;
  uint32_t ring_position;
  uint8_t profile;
  uint8_t marks;
  uint8_t kind;
  uint8_t from;
  uint8_t to;
  uint8_t reason;
  uint8_t health;
  uint8_t worker;
  uint32_t generation;
  uint32_t crc;
} FlatlineRecord;

enum { kFlatlineFrom = 1, kFlatlineNow = 2, kFlatlineSnapshot = 3 };

// Zeroes mean: from now on, every group, every liveness, no filter. Texts may be NULL.
typedef struct FlatlineSubscription {
  const char* address;    // "unix:/run/flatline/control.sock", "127.0.0.1:17997"
  int start;              // kFlatlineFrom, …; 0: from now on
  uint64_t sequence;      // for kFlatlineFrom
  uint8_t liveness_mask;  // bit n: transitions to liveness n; 0: all
  int without_health;
  int resnapshot;  // where what was missed is gone, take a snapshot
  const uint32_t* groups;
  size_t group_count;
  const char* filter;
  const char* token;
  int want_names;       // for FlatlinePollEach
  uint32_t summary_ms;  // counts of each group so often, in place of transitions; 0: no
  // Over TLS, which is spoken wherever is not loopback, and on loopback by "tls:127.0.0.1:17997";
  // "plain:" before an address says no. Files in PEM; NULL or "": those that this system trusts,
  // the number in the address, none, none.
  const char* ca;
  const char* server_name;
  const char* certificate;
  const char* key;
  int want_flapping;  // changes that are suppressed for flapping as well, with their mark
  // The level of suspicion, phi, at which an endpoint is suspect to this subscriber, where that is
  // more than its profile's; up to 1000. 0: as the profile has it.
  double suspicion;
} FlatlineSubscription;

typedef struct FlatlineSubscriber FlatlineSubscriber;

typedef void (*FlatlineOnRecords)(const FlatlineRecord* records, size_t count, void* context);

// `name` is "" where there is none, and valid during the call, as the record is.
typedef void (*FlatlineOnRecord)(const FlatlineRecord* record, const char* name, void* context);

// NULL: there is no memory, or no address.
FlatlineSubscriber* FlatlineSubscribe(const FlatlineSubscription* subscription);
void FlatlineUnsubscribe(FlatlineSubscriber* subscriber);

// Waits up to `timeout_ms`, an hour at most, for records and hands them out; connects as needed.
// Returns how many, or -1 where trying again is of no use: FlatlineError says why.
int64_t FlatlinePoll(FlatlineSubscriber* subscriber,
                     int64_t timeout_ms,
                     FlatlineOnRecords on_records,
                     void* context);

// Likewise, one by one and with their names; what are parts of a name (kind 24) among the records
// of FlatlinePoll do not come.
int64_t FlatlinePollEach(FlatlineSubscriber* subscriber,
                         int64_t timeout_ms,
                         FlatlineOnRecord on_record,
                         void* context);

// How many endpoints of a group (or of all that are told, where `is_sum`: the last of each time)
// are in which liveness, and of those alive say that they are not well. True as of the record's
// sequence; where not `is_settled`, see include/README.md.
typedef struct FlatlineSummary {
  uint32_t unknown;
  uint32_t alive;
  uint32_t suspect;
  uint32_t dead;
  uint32_t left;
  uint32_t degraded;
  uint32_t failing;
  int is_sum;
  int is_settled;
} FlatlineSummary;

// 1 where the record is one (kind 25), else 0.
int FlatlineReadSummary(const FlatlineRecord* record, FlatlineSummary* out);

// Valid until the next call with this subscriber; "" where nothing went wrong.
const char* FlatlineError(const FlatlineSubscriber* subscriber);

// The last sequence accounted for; where a suspicion is held back, the last before it.
uint64_t FlatlineSequence(const FlatlineSubscriber* subscriber);

// For an event loop of your own: the socket, or -1.
int FlatlineDescriptor(const FlatlineSubscriber* subscriber);

// How many milliseconds it may be waited for: then a suspicion that was held back is due.
int64_t FlatlinePauseMs(const FlatlineSubscriber* subscriber);

#ifdef __cplusplus
}
#endif
