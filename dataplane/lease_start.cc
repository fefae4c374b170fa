#include "dataplane/lease_start.h"

#include <flatline/lease.h>
#include <flatline/lease_epoch.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace flatline {
namespace {

// Of the tokens that this region has given out: 0 where it has given out none, or where its
// workers are not of one mind, which a start that was killed leaves behind.
std::uint64_t EpochOf(const RegionView& region) {
  const std::uint64_t epoch = region.lease_state(0).epoch.load(std::memory_order_acquire);
  for (unsigned worker = 1; worker < region.shape().workers; ++worker) {
    if (region.lease_state(worker).epoch.load(std::memory_order_acquire) != epoch) {
      return 0;
    }
  }
  return epoch;
}

std::uint64_t HighestEpochOf(const RegionView& region) {
  std::uint64_t out = 0;
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    out = std::max(out, region.lease_state(worker).epoch.load(std::memory_order_acquire));
  }
  return out;
}

}  // namespace

LeaseStart StartLeases(const Config& config, const RegionView& region) {
  LeaseStart out;
  // In whole milliseconds, as the file has it and requests ask for it.
  out.terms.longest =
      std::chrono::floor<std::chrono::milliseconds>(config.dataplane.lease_term_most);
  if (config.dataplane.leases == 0) {
    return out;
  }
  const std::string& path = config.dataplane.lease_epoch;
  const auto last = ReadLeaseEpoch(path);
  if (!last) {
    out.complaint = last.error();
    return out;
  }
  const std::uint64_t highest = HighestEpochOf(region);
  if (last->epoch < highest) {
    out.complaint = path + ": needed the epoch of leases that this region has granted in, " +
                    std::to_string(highest) + ", or a later one, found " +
                    std::to_string(last->epoch) +
                    "; the file went back: remove it, and write another with `flatline lease begin "
                    "--above " +
                    std::to_string(TokenOf(highest, kMostTokenCounter)) + "`";
    return out;
  }
  // A term that was ever allowed may have been granted in a life of which nothing is known now.
  LeaseEpoch next{.epoch = last->epoch, .longest = std::max(last->longest, out.terms.longest)};
  const bool goes_on = last->epoch != 0 && EpochOf(region) == last->epoch;
  if (!goes_on) {
    if (last->epoch == kMostLeaseEpoch) {
      out.complaint = path +
                      ": needed an epoch of leases that is left, found none; nothing is granted: "
                      "`flatline lease begin` writes another file, with --above the highest token "
                      "that was seen";
      return out;
    }
    ++next.epoch;
    out.terms.wait = last->epoch == 0 ? Duration{} : last->longest;
  }
  if (next != *last) {
    if (const auto written = WriteLeaseEpoch(path, next); !written) {
      out.complaint = written.error();
      return out;
    }
  }
  out.terms.epoch = next.epoch;
  return out;
}

}  // namespace flatline
