#include "control/config/contract.h"

#include "control/config/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace flatline {
namespace {

constexpr double kForeverSeconds = 9e9;  // fits Duration, with room
// Nobody sends so often; and it bounds the search.
constexpr double kMostBeatsAWait = 1000;
constexpr double kStep = 0.999;
// After so many factors, none below 1, what is reached is promised too.
constexpr int kMostFactors = 100'000;

double Seconds(Duration duration) {
  return static_cast<double>(duration.count()) * 1e-9;
}

Duration FromSeconds(double seconds) {
  return Duration{std::llround(std::min(seconds, kForeverSeconds) * 1e9)};
}

// The mean time between two mistakes is at least the interval over the chance that none of the
// heartbeats on their way by a deadline has come; each factor is one of them.
double Recurrence(double interval, double detection, const Path& path) {
  const double variance = Seconds(path.jitter) * Seconds(path.jitter);
  double out = interval;
  double left = detection - interval;
  for (int i = 0; i < kMostFactors && left > 0 && out < kForeverSeconds; ++i, left -= interval) {
    out *= (variance + left * left) / (variance + path.loss * left * left);
  }
  return std::min(out, kForeverSeconds);
}

// The share of heartbeats that come in time to end a mistake, at least.
double Punctual(double detection, const Path& path) {
  const double variance = Seconds(path.jitter) * Seconds(path.jitter);
  return (1 - path.loss) * detection * detection / (variance + detection * detection);
}

constexpr double kHour = 3600;
constexpr double kDay = 24 * kHour;

// To what matters of it: nobody reads the rest.
std::string Roughly(double seconds) {
  if (seconds >= 30 * kDay) {
    return std::to_string(std::llround(seconds / kDay)) + " days";
  }
  if (seconds >= 2 * kHour) {
    return std::to_string(std::llround(seconds / kHour)) + "h";
  }
  const double unit = seconds >= 10 ? 1 : seconds >= 0.1 ? 1e-3 : 1e-6;
  return PrintDuration(FromSeconds(std::floor(seconds / unit) * unit));
}

// The longest of at most `most`, or 0.
double Search(double most, const Promise& promise, const Path& path) {
  const double detection = Seconds(promise.detection);
  for (double interval = most; interval * kMostBeatsAWait >= detection; interval *= kStep) {
    if (Recurrence(interval, detection, path) >= Seconds(promise.recurrence)) {
      return interval;
    }
  }
  return 0;
}

}  // namespace

Promise QualityOf(Duration interval, Duration detection, const Path& path) {
  return {.detection = detection,
          .recurrence = FromSeconds(Recurrence(Seconds(interval), Seconds(detection), path)),
          .mistake = FromSeconds(Seconds(interval) / Punctual(Seconds(detection), path))};
}

bool Keeps(const Promise& quality, const Promise& promise) {
  return quality.recurrence >= promise.recurrence && quality.mistake <= promise.mistake;
}

std::expected<Duration, std::string> IntervalFor(const Contract& contract,
                                                 std::optional<Duration> given) {
  const Promise& promise = contract.promise;
  const Path& path = contract.path;
  const Promise kept = QualityOf(given.value_or(promise.detection), promise.detection, path);
  if (given && *given < promise.detection && Keeps(kept, promise)) {
    return *given;
  }
  const double detection = Seconds(promise.detection);
  const double most = std::min(Punctual(detection, path) * Seconds(promise.mistake), detection);
  const double longest = std::floor(Search(most, promise, path) * 1e6) * 1e-6;
  if (longest == 0) {
    const double best = Recurrence(detection / kMostBeatsAWait, detection, path);
    return std::unexpected("with " + PrintPath(path) +
                           " no interval keeps the promise: a thousand heartbeats within it "
                           "promise one mistake in " +
                           Roughly(best) + "; raise detect_within");
  }
  if (given) {
    return std::unexpected("with " + PrintPath(path) + " heartbeats every " +
                           PrintDuration(*given) + " promise " + PrintQuality(kept) +
                           "; write an interval of at most " + Roughly(longest) +
                           ", or raise detect_within");
  }
  return FromSeconds(longest);
}

std::string PrintRoughly(Duration duration) {
  return Roughly(Seconds(duration));
}

std::string PrintQuality(const Promise& quality) {
  return "one mistake in " + Roughly(Seconds(quality.recurrence)) + ", lasting " +
         Roughly(Seconds(quality.mistake));
}

std::string PrintPath(const Path& path) {
  std::array<char, 32> loss{};
  const auto printed = std::to_chars(
      loss.data(), loss.data() + loss.size(), path.loss, std::chars_format::general, 3);
  return "a loss of " + std::string(loss.data(), printed.ptr) + " and a jitter of " +
         Roughly(Seconds(path.jitter));
}

}  // namespace flatline
