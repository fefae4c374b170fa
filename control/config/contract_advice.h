// What to write into a profile so that it keeps its promise on a path that was measured: the path,
// the longest interval that senders may keep there and the margin that goes with it; or, where no
// interval keeps it, the least detect_within that can be promised at the interval there is. Used by
// `flatline contract` and by control, when a path no longer lets a promise be kept. Pure. Cost: a
// search, some milliseconds.
#pragma once

#include <flatline/config.h>
#include <flatline/profile.h>
#include <flatline/time.h>

#include <expected>
#include <string>

namespace flatline {

struct ContractAdvice {
  Path path;             // to two places, no better than it was measured
  Duration detection{};  // as promised, or the least that can be
  Duration interval{};
  Duration margin{};        // what the reader of the configuration makes of these,
  Duration confirmation{};  // where nothing else is written

  bool operator==(const ContractAdvice&) const = default;
};

// The error is a sentence: nothing would do.
[[nodiscard]] std::expected<ContractAdvice, std::string> AdviseOn(const Profile& profile,
                                                                  const Contract& contract,
                                                                  const Path& measured);

// Lines of a [[profile]], each behind `indent`: loss, jitter, interval, and detect_within where
// another one than the contract's.
[[nodiscard]] std::string PrintAdvice(const ContractAdvice& advice,
                                      const Contract& contract,
                                      const std::string& indent);

}  // namespace flatline
