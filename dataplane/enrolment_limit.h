// How many strangers one shard lets into the table, in all and from one address: a flood of
// invented ids must not fill it before anybody has noticed. Asked by the shard's owner for an id
// that nobody knows, and for nothing else: a heartbeat of an endpoint in the table never comes
// here, nor does what control enrols. Pure, `now` is an argument; a bucket of allowance each (GCRA,
// ATM Forum's generic cell rate algorithm: one instant a bucket). Cost: two lines; no allocation.
//
// Of the places that are free, half may be taken at once, however full the table is: each stranger
// leaves one place less, and adds a debt of one, which is paid off in time; who would make the debt
// greater than what is left free waits. An empty table so takes `enrolment_time` to fill.
//
// A source is an IPv4 address, or the /64 of an IPv6 one. Sources share kSources buckets by a
// secret hash; two in one bucket share an allowance.
#pragma once

#include <flatline/drop_reason.h>
#include <flatline/record.h>
#include <flatline/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace flatline {

// Of one shard. No limit where the interval is zero.
struct EnrolmentLimits {
  Duration place{};                // in which one place is paid off
  Duration source{};               // in which an address may bring one more
  std::uint64_t source_burst = 1;  // and so many at once, after a long pause

  // Of a shard among `workers`, in a table of so many endpoints that takes `time` to fill; one
  // address may bring `per_source` at once, and so many a second. Zero: no limit.
  static EnrolmentLimits Of(std::uint64_t endpoints,
                            std::uint32_t workers,
                            Duration time,
                            std::uint32_t per_source) noexcept;
};

class EnrolmentLimit {
 public:
  EnrolmentLimit(const EnrolmentLimits& limits, std::uint64_t hash_key) noexcept
      : limits_(limits), hash_key_(hash_key) {}

  // One stranger from there, where so many places are free. Why it is turned away, or nothing, and
  // then it has used its place.
  [[nodiscard]] std::optional<DropReason> Take(const SourceAddress& source,
                                               std::uint64_t free,
                                               Instant now) noexcept;

 private:
  static constexpr std::size_t kSources = 1024;

  // When the allowance will be whole again.
  struct Bucket {
    std::int64_t whole_ns = 0;

    [[nodiscard]] bool HasRoom(Duration interval, std::uint64_t burst, Instant now) const noexcept;
    void Take(Duration interval, Instant now) noexcept;
  };

  [[nodiscard]] Bucket& BucketOf(const SourceAddress& source) noexcept;

  EnrolmentLimits limits_;
  std::uint64_t hash_key_;
  Bucket all_;
  std::array<Bucket, kSources> sources_{};
};

}  // namespace flatline
