// What each detector trades: mistakes (a live endpoint called suspect) against detection time, over
// traces of a fleet, judged by the dataplane's own detector in invented time. Prints for each fleet
// how many mistakes phi and chen make for one of `fixed` (interval × 3) at its mean detection time,
// and the curves to plot, as lines `curve FLEET DETECTOR SECONDS MISTAKES` (mistakes per endpoint
// and hour).
//
// Settings are chosen on the endpoints of one range of seeds and judged on those of another, both
// printed: how much the history weighs (of a few weights the one with the fewest mistakes), and the
// pause or margin that gives the detection time of `fixed`. Beside it the weights that hold by
// default, which nobody chose for these fleets. Each endpoint beats once a second and is heard for
// five minutes, of which the first two are not counted: a history has to be there. Detection time
// is that of a crash at a random instant after each eighth heartbeat.
#include "bench/heartbeat_trace.h"
#include "dataplane/detector.h"

#include <flatline/detectors.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace flatline {
namespace {

constexpr std::uint32_t kRounds = 300;
constexpr std::uint32_t kUncounted = 128;
constexpr std::uint32_t kRoundsPerCrash = 8;
// Endpoint i of a fleet has the seed kChosenOn + i or kJudgedOn + i; never more than the
// difference.
constexpr std::uint64_t kChosenOn = 20'261'121;
constexpr std::uint64_t kJudgedOn = kChosenOn + 1'000'000'000;
constexpr std::uint64_t kMostChosenOn = 40'000;
constexpr std::uint64_t kMostDrawn = 20'000;       // endpoints of a curve
constexpr std::uint64_t kHorizonBase = 1'000'000;  // ms; no stamp is near 0
constexpr Duration kSecond = Milliseconds(1000);
constexpr Duration kLeastDeviation = Milliseconds(15);

// A share of a fleet, in percent.
struct Part {
  std::uint64_t percent = 100;
  Link link;
};

struct Fleet {
  std::string_view name;
  std::vector<Part> parts;

  [[nodiscard]] const Link& LinkOf(std::uint64_t endpoint) const {
    std::uint64_t place = endpoint % 100;
    for (const Part& part : parts) {
      if (place < part.percent) {
        return part.link;
      }
      place -= part.percent;
    }
    return parts.back().link;
  }
};

const std::array<Fleet, 3>& Fleets() {
  static const std::array<Fleet, 3> fleets{
      Fleet{"mixed",
            {{80, {.jitter = .01, .loss = .0001}},
             {15, {.jitter = .2, .loss = .01}},
             {5, {.jitter = .5, .loss = .05, .burst = 3}}}},
      Fleet{"bernoulli", {{100, {.jitter = .2, .loss = .01}}}},
      Fleet{"gilbert_elliott", {{100, {.jitter = .2, .loss = .05, .burst = 3}}}}};
  return fleets;
}

// Of one setting over a trace.
struct Score {
  double seconds = 0;   // mean detection time
  double mistakes = 0;  // an endpoint and hour
};

// How much an endpoint's own history weighs: a level of suspicion for phi, deviations for chen. The
// first is the default; the levels are 3, 5, 9, 14, 18, 23 and 29 deviations, or about that.
using Weights = std::array<std::uint32_t, 7>;

const Weights& WeightsOf(DetectorKind kind) {
  static constexpr Weights kLevels{8, 3, 30, 100, 200, 400, 800};
  static constexpr Weights kDeviations{6, 3, 10, 14, 18, 22, 28};
  return kind == DetectorKind::kPhi ? kLevels : kDeviations;
}

Profile Setting(DetectorKind kind, std::uint32_t weight, double seconds) {
  Profile out = MakeProfile("setting", kSecond, weight, kSecond);
  out.detector = kind;
  const Duration span{static_cast<std::int64_t>(seconds * 1e9)};
  if (kind == DetectorKind::kFixed) {
    out.timeout = span;
  } else {
    out.allowance = span;
    out.timeout = 60 * kSecond;
    out.deviations = weight;
    out.least_deviation = kLeastDeviation;
  }
  return out;
}

Stamp StampAt(double seconds) {
  return StampOf(HearingInstant{Milliseconds(kHorizonBase)} +
                 Duration{static_cast<std::int64_t>(seconds * 1e9)});
}

// Lets every setting, each as a profile of its own with a record of its own, hear one trace.
class Judges {
 public:
  explicit Judges(std::span<const Profile> settings)
      : count_(settings.size()), detector_(ProfilesOf(settings), kFirstBuiltInProfile) {}

  void Hear(const Link& link, std::uint64_t seed) {
    HeartbeatTrace trace(link, seed);
    do {
      trace.Next();
    } while (trace.is_lost());
    double heard_at = trace.arrival();
    for (std::size_t i = 0; i < count_; ++i) {
      records_[i].heard = Heard{StampAt(heard_at), trace.round()}.Pack();
      records_[i].arrival = 0;
    }
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      trace.Next();
      if (!trace.is_lost()) {
        heard_at = trace.arrival();
        Beat(StampAt(heard_at), trace.round(), round >= kUncounted);
      }
      if (round >= kUncounted && round % kRoundsPerCrash == 0) {
        Crash(heard_at, trace.left() + trace.Uniform());
      }
    }
    rounds_ += kRounds - kUncounted;
  }

  [[nodiscard]] Score ScoreOf(std::size_t setting) const {
    return {.seconds = seconds_[setting] / static_cast<double>(crashes_),
            .mistakes =
                3600.0 * static_cast<double>(mistakes_[setting]) / static_cast<double>(rounds_)};
  }

 private:
  static std::array<Profile, kMaxProfiles> ProfilesOf(std::span<const Profile> settings) {
    std::array<Profile, kMaxProfiles> out{};
    std::ranges::copy(settings, out.begin() + kFirstBuiltInProfile);
    return out;
  }

  static ProfileId IdOf(std::size_t setting) {
    return static_cast<ProfileId>(kFirstBuiltInProfile + setting);
  }

  void Beat(Stamp stamp, std::uint32_t sequence, bool counts) {
    for (std::size_t i = 0; i < count_; ++i) {
      EndpointRecord& record = records_[i];
      RecordView seen = View(record);
      seen.state = {Liveness::kAlive, Health::kReady, IdOf(i)};
      const std::uint64_t arrival = record.arrival.load(std::memory_order_relaxed);
      const Judgement judged = detector_.Judge(seen.state, arrival, seen.heard.stamp, stamp);
      if (judged.reason != Reason::kNone) {
        mistakes_[i] += counts ? 1 : 0;
        seen.state.liveness = judged.liveness;
      }
      StampOwn(record, sequence, stamp);
      NoteGap(record, seen, detector_.sampling(), sequence, stamp);
    }
  }

  // Had it crashed at this instant, and this been the last that was heard.
  void Crash(double heard_at, double at) {
    ++crashes_;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::uint64_t arrival = records_[i].arrival.load(std::memory_order_relaxed);
      const SilenceRule& rule = detector_.TimingOf(IdOf(i)).silence;
      const Duration allowed = AllowedSilence(rule, arrival) * kStampUnit;
      const double told = heard_at + static_cast<double>(allowed.count()) / 1e9;
      seconds_[i] += std::max(0.0, told - at);
    }
  }

  std::size_t count_;
  Detector detector_;
  std::array<EndpointRecord, kMaxProfiles> records_{};
  std::array<std::uint64_t, kMaxProfiles> mistakes_{};
  std::array<double, kMaxProfiles> seconds_{};
  std::uint64_t crashes_ = 0;
  std::uint64_t rounds_ = 0;
};

struct Endpoints {
  std::uint64_t first_seed = 0;
  std::uint64_t count = 0;
};

std::vector<Score> ScoresOver(const Fleet& fleet,
                              std::span<const Profile> settings,
                              const Endpoints& endpoints) {
  Judges judges(settings);
  for (std::uint64_t i = 0; i < endpoints.count; ++i) {
    judges.Hear(fleet.LinkOf(i), endpoints.first_seed + i);
  }
  std::vector<Score> out;
  out.reserve(settings.size());
  for (std::size_t i = 0; i < settings.size(); ++i) {
    out.push_back(judges.ScoreOf(i));
  }
  return out;
}

// For each weight the setting with this mean detection time, which rises with what is allowed: all
// weights are halved towards it over the same trace.
std::vector<Profile> Matched(DetectorKind kind,
                             const Fleet& fleet,
                             double seconds,
                             const Endpoints& endpoints) {
  constexpr std::size_t kCount = std::tuple_size_v<Weights>;
  std::array<double, kCount> below{};
  std::array<double, kCount> above{};
  above.fill(2 * seconds + 1);
  std::vector<Profile> out(kCount);
  for (int step = 0; step < 14; ++step) {
    for (std::size_t i = 0; i < kCount; ++i) {
      out[i] = Setting(kind, WeightsOf(kind)[i], (below[i] + above[i]) / 2);
    }
    const std::vector<Score> scores = ScoresOver(fleet, out, endpoints);
    for (std::size_t i = 0; i < kCount; ++i) {
      const double middle = (below[i] + above[i]) / 2;
      (scores[i].seconds < seconds ? below[i] : above[i]) = middle;
    }
  }
  return out;
}

void PrintCurve(const Fleet& fleet,
                DetectorKind kind,
                std::uint32_t weight,
                std::uint64_t endpoints) {
  std::vector<Profile> settings;
  for (int i = 0; i <= 20; ++i) {
    const double seconds = kind == DetectorKind::kFixed ? 1.1 + i * .3 : i * .3;
    settings.push_back(Setting(kind, weight, seconds));
  }
  const Endpoints drawn{kJudgedOn, std::min(endpoints, kMostDrawn)};
  for (const Score& score : ScoresOver(fleet, settings, drawn)) {
    std::printf("curve %s %s %.4g %.4g\n",
                std::string(fleet.name).c_str(),
                std::string(kDetectorNames[static_cast<std::size_t>(kind)]).c_str(),
                score.seconds,
                score.mistakes);
  }
}

void PrintRow(const std::string& name, const Fleet& fleet, double value, const char* unit) {
  std::printf(
      "judgement.%s_%s %.4g %s\n", name.c_str(), std::string(fleet.name).c_str(), value, unit);
}

void PrintRatio(const std::string& name, const Fleet& fleet, double mistakes, double fixed) {
  if (fixed > 0) {
    PrintRow(name, fleet, mistakes / fixed, "1");
  }
}

// Which of the settings makes the fewest mistakes at the detection time that was asked for: a heavy
// weight may leave no pause small enough.
std::size_t FewestMistakes(std::span<const Score> tried, double seconds) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < tried.size(); ++i) {
    if (tried[i].seconds < 1.01 * seconds && tried[i].mistakes < tried[best].mistakes) {
      best = i;
    }
  }
  return best;
}

// One detector beside `fixed`.
void Compare(const Fleet& fleet, DetectorKind kind, const Profile& fixed, std::uint64_t count) {
  const Endpoints chosen_on{kChosenOn, std::min(count, kMostChosenOn)};
  const Endpoints judged_on{kJudgedOn, count};
  const Score goal = ScoresOver(fleet, {&fixed, 1}, chosen_on)[0];
  const std::vector<Profile> settings = Matched(kind, fleet, goal.seconds, chosen_on);
  const std::vector<Score> tried = ScoresOver(fleet, settings, chosen_on);
  const std::size_t best = FewestMistakes(tried, goal.seconds);
  const std::array judged{fixed, settings[best], settings[0]};
  const std::vector<Score> scores = ScoresOver(fleet, judged, judged_on);
  const std::string name(kDetectorNames[static_cast<std::size_t>(kind)]);
  PrintRow("weight_" + name, fleet, WeightsOf(kind)[best], "1");
  PrintRow("detection_" + name, fleet, scores[1].seconds, "s");
  PrintRow("mistakes_" + name, fleet, scores[1].mistakes, "1/h");
  const std::string ratio = "mistakes_" + name + "_over_fixed";
  PrintRatio(ratio, fleet, scores[1].mistakes, scores[0].mistakes);
  PrintRatio(ratio + "_where_chosen", fleet, tried[best].mistakes, goal.mistakes);
  PrintRatio(ratio + "_by_default", fleet, scores[2].mistakes, scores[0].mistakes);
  PrintRow("detection_" + name + "_by_default", fleet, scores[2].seconds, "s");
  PrintCurve(fleet, kind, WeightsOf(kind)[best], count);
  std::fflush(stdout);
}

void CompareAll(const Fleet& fleet, std::uint64_t count) {
  const Profile fixed = Setting(DetectorKind::kFixed, 3, 3);
  const Score score = ScoresOver(fleet, {&fixed, 1}, {kJudgedOn, count})[0];
  PrintRow("detection_fixed", fleet, score.seconds, "s");
  PrintRow("mistakes_fixed", fleet, score.mistakes, "1/h");
  PrintCurve(fleet, DetectorKind::kFixed, 3, count);
  Compare(fleet, DetectorKind::kPhi, fixed, count);
  Compare(fleet, DetectorKind::kChen, fixed, count);
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  const std::uint64_t endpoints = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1'000'000;
  if (endpoints < 100 || endpoints > 100'000'000) {
    std::fputs("usage: judgement_bench [ENDPOINTS]\n", stderr);
    return 2;
  }
  for (const flatline::Fleet& fleet : flatline::Fleets()) {
    flatline::CompareAll(fleet, fleet.parts.size() > 1 ? endpoints : endpoints / 5);
  }
  return 0;
}
