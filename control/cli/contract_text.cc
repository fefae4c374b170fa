#include "control/cli/contract_text.h"

#include "control/cli/record_text.h"
#include "control/config/contract.h"
#include "control/config/units.h"
#include "control/contracts/track_text.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace flatline::cli {
namespace {

// Losses that follow each other so much oftener than chance would have it, and so many of them, are
// bursts.
constexpr double kBursty = 2;
constexpr double kEnoughLosses = 20;

// On the path that it was made for.
Promise Promised(const ContractFinding& of) {
  return QualityOf(of.profile.interval, of.contract.promise.detection, of.contract.path);
}

// On the path that half of its endpoints have, or a better one, at the pace that they keep.
Promise Seen(const ContractFinding& of) {
  return QualityOf(of.path.beats.interval, of.contract.promise.detection, of.path.Usual());
}

bool IsBursty(const LossCounts& losses) {
  return losses.lost >= kEnoughLosses && losses.loss_behind_loss() > kBursty * losses.loss();
}

std::string AdviceText(const ContractFinding& of) {
  const auto advice = AdviseOn(of.profile, of.contract, of.path.Cautious());
  if (!advice) {
    return "  would do  nothing: " + advice.error() + "\n";
  }
  const bool is_possible = advice->detection == of.contract.promise.detection;
  return fmt::format(
      "  would do  {}, with a margin of {} and {} to confirm; on the path that 99 of "
      "100 have, or a better one, this keeps {}:\n{}",
      "heartbeats every " + PrintDuration(advice->interval),
      PrintRoughly(advice->margin),
      PrintRoughly(advice->confirmation),
      is_possible ? "the promise" : "all but detect_within, which no interval keeps",
      PrintAdvice(*advice, of.contract, "              "));
}

std::string MeasuredText(const ContractFinding& of) {
  const auto& [losses, beats] = of.path;
  std::string out = fmt::format(
      "  measured  {}, or less for half of {}, {} for 99 of 100; a heartbeat every {}: {}\n",
      PrintPath(of.path.Usual()),
      beats.endpoints,
      PrintRoughly(beats.worst_jitter),
      PrintRoughly(beats.interval),
      PrintQuality(Seen(of)));
  out += fmt::format("            {:.0f} of {:.0f} heartbeats lost", losses.lost, losses.sent);
  if (IsBursty(losses)) {
    out += fmt::format("; of those behind a lost one {:.2g}: IN BURSTS, of which no promise knows",
                       losses.loss_behind_loss());
  }
  out += of.is_kept()
             ? fmt::format("\n  kept      by all {}\n", beats.keep)
             : fmt::format("\n  BROKEN    kept by {} of {}\n", beats.keep, beats.endpoints);
  return out + AdviceText(of);
}

nlohmann::ordered_json JsonOf(const Promise& quality) {
  return {{"detection_ns", quality.detection.count()},
          {"mistake_every_ns", quality.recurrence.count()},
          {"mistake_lasts_ns", quality.mistake.count()}};
}

}  // namespace

std::string TextOf(const ContractFinding& of) {
  std::string out = fmt::format(
      "{}: dead is told within {}, heartbeats every {}\n  promised  {}\n  made for  {}: {}\n",
      of.profile.name.data(),
      PrintDuration(of.contract.promise.detection),
      PrintDuration(of.profile.interval),
      PrintQuality(of.contract.promise),
      PrintPath(of.contract.path),
      PrintQuality(Promised(of)));
  out += of.is_measured() ? MeasuredText(of)
                          : "  measured  nothing: no endpoint of it was heard eight times "
                            "meanwhile; look --for longer\n";
  if (of.track) {
    out += fmt::format(
        "  achieved  since {}: {}\n", WallText(of.track->since_ns), AchievedText(*of.track));
  }
  return out;
}

nlohmann::ordered_json JsonOf(const ContractFinding& of) {
  nlohmann::ordered_json out{{"profile", of.profile.name.data()},
                             {"interval_ns", of.profile.interval.count()},
                             {"promised", JsonOf(of.contract.promise)},
                             {"made_for", JsonOf(Promised(of))},
                             {"endpoints", of.path.beats.endpoints},
                             {"kept_by", of.path.beats.keep}};
  if (of.is_measured()) {
    out["loss"] = of.path.losses.loss();
    out["loss_behind_loss"] = of.path.losses.loss_behind_loss();
    out["sent"] = std::llround(of.path.losses.sent);
    out["lost"] = std::llround(of.path.losses.lost);
    out["measured_interval_ns"] = of.path.beats.interval.count();
    out["jitter_ns"] = of.path.beats.jitter.count();
    out["jitter_p99_ns"] = of.path.beats.worst_jitter.count();
    out["measured"] = JsonOf(Seen(of));
    if (const auto advice = AdviseOn(of.profile, of.contract, of.path.Cautious())) {
      out["would_do"] = {{"detect_within_ns", advice->detection.count()},
                         {"loss", advice->path.loss},
                         {"jitter_ns", advice->path.jitter.count()},
                         {"interval_ns", advice->interval.count()},
                         {"margin_ns", advice->margin.count()},
                         {"confirmation_ns", advice->confirmation.count()}};
    } else {
      out["would_do"] = nullptr;
    }
  }
  if (of.track) {
    out["achieved"] = TrackJson(*of.track);
  }
  return out;
}

}  // namespace flatline::cli
