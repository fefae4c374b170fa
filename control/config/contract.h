// What a profile promises instead of saying how (`detect_within` and its two companions), and what
// interval and margin keep that promise on a path that loses and delays: the configuration of NFD-U
// and NFD-E for delays of which only the deviation is known, by Chen, Toueg and Aguilera (IEEE ToC
// 51, 2002, sections 5 and 6). Used by the reader of the configuration and `flatline contract`.
// Pure. The bounds are Cantelli's inequality's: they hold whatever the distribution, so real paths
// do better, often by far.
#pragma once

#include <flatline/config.h>
#include <flatline/time.h>

#include <expected>
#include <optional>
#include <string>

namespace flatline {

// The least recurrence and the longest mistake where heartbeats leave every `interval` and a
// verdict falls `detection` after one that was the last. Nine centuries and more count as nine.
[[nodiscard]] Promise QualityOf(Duration interval, Duration detection, const Path& path);

[[nodiscard]] bool Keeps(const Promise& quality, const Promise& promise);

// `given`, if it keeps the promise; where none is given the longest that does, in whole
// microseconds. Else one sentence: what can be had instead.
[[nodiscard]] std::expected<Duration, std::string> IntervalFor(const Contract& contract,
                                                               std::optional<Duration> given);

// To three places or so.
[[nodiscard]] std::string PrintRoughly(Duration duration);

// "one mistake in 30 days, lasting 9s".
[[nodiscard]] std::string PrintQuality(const Promise& quality);

// "a loss of 0.01 and a jitter of 10ms".
[[nodiscard]] std::string PrintPath(const Path& path);

}  // namespace flatline
