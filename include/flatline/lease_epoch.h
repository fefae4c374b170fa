// The durable epoch of fencing tokens: a small file that says which epochs have been used, and for
// how long a lease may have been granted in any of them. Read and advanced by the dataplane at its
// start, before anything is granted and before it gives up its rights; made by `flatline lease
// begin`. Fails closed: a file that is not there, torn or not ours is an error, never a beginning.
// Every error is one line: what was needed, what was found, what to do. Cost: system calls, three
// of which wait for the disk.
//
//   flatline lease epoch 12, terms up to 60000 ms, crc 0a1b2c3d
#pragma once

#include <flatline/time.h>

#include <cstdint>
#include <expected>
#include <string>

namespace flatline {

struct LeaseEpoch {
  std::uint64_t epoch = 0;  // the last one used; 0: nothing has been granted, ever
  Duration longest{};       // term that any of them may have granted

  constexpr bool operator==(const LeaseEpoch&) const = default;
};

[[nodiscard]] std::expected<LeaseEpoch, std::string> ReadLeaseEpoch(const std::string& path);

// In the place of the one that is there, at once or not at all; on the disk when it returns.
[[nodiscard]] std::expected<void, std::string> WriteLeaseEpoch(const std::string& path,
                                                               const LeaseEpoch& epoch);

// The first one, where there is none; it belongs to whom the directory belongs to.
[[nodiscard]] std::expected<void, std::string> BeginLeaseEpoch(const std::string& path,
                                                               const LeaseEpoch& epoch);

}  // namespace flatline
