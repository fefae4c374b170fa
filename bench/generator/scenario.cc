#include "bench/generator/scenario.h"

#include "bench/generator/truth.h"

#include <flatline/profile.h>

#include <algorithm>
#include <fmt/format.h>

namespace flatline::generator {

namespace {

double ToSeconds(Elapsed time) {
  return std::chrono::duration<double>(time).count();
}

std::expected<void, std::string> ValidateCohort(const Cohort& cohort) {
  if (cohort.endpoints == 0) {
    return std::unexpected("needed a cohort of at least one endpoint, found 0; say endpoints");
  }
  if (cohort.interval < Milliseconds(1) || cohort.interval > kMostTimeout) {
    return std::unexpected(
        fmt::format("needed an interval from 1 ms to 24 h for profile '{}', found {} ns; say "
                    "interval",
                    cohort.profile,
                    cohort.interval.count()));
  }
  if (cohort.jitter.count() < 0 || cohort.jitter > cohort.interval) {
    return std::unexpected(
        "needed a jitter from 0 to one interval, found more; heartbeats would overtake each other");
  }
  if (cohort.timeout < kLeastTimeout || cohort.confirmation.count() < 0) {
    return std::unexpected(
        fmt::format("needed the timeout and confirmation of profile '{}', which is not built in; "
                    "say timeout and confirmation as the dataplane's configuration has them",
                    cohort.profile));
  }
  return {};
}

std::expected<void, std::string> ValidateSelector(const Selector& who,
                                                  std::uint64_t endpoints,
                                                  std::uint64_t racks) {
  const bool by_racks = who.by == Selector::By::kRacks;
  const std::uint64_t least = by_racks ? 1 : 0;
  const std::uint64_t most = by_racks ? racks : endpoints - 1;
  for (const Range& range : who.ranges) {
    if (range.first < least || range.last > most || range.first > range.last) {
      return std::unexpected(fmt::format("needed {} from {} to {}, found {}-{}",
                                         by_racks ? "racks" : "indices",
                                         least,
                                         most,
                                         range.first,
                                         range.last));
    }
  }
  if (who.count > endpoints) {
    return std::unexpected(
        fmt::format("needed a count of at most {} endpoints, found {}", endpoints, who.count));
  }
  return {};
}

}  // namespace

std::expected<Cohort, std::string> CohortOfProfile(std::string_view name) {
  for (std::size_t i = 0; i < kBuiltInProfiles.size(); ++i) {
    const Profile& profile = kBuiltInProfiles[i];
    const auto end = std::ranges::find(profile.name, '\0');
    if (name == std::string_view(profile.name.begin(), end)) {
      Cohort out;
      out.profile = name;
      out.profile_id = static_cast<ProfileId>(kFirstBuiltInProfile + i);
      out.interval = profile.interval;
      out.jitter = profile.interval / 10;
      out.timeout = profile.timeout;
      out.confirmation = profile.confirmation;
      return out;
    }
  }
  return std::unexpected(
      fmt::format("needed a built-in profile, found '{}'; say leader-election, database, mesh, "
                  "monitoring or node, or give profile_id, interval, timeout and confirmation",
                  name));
}

namespace {

// What is wrong with the fleet as such.
std::expected<void, std::string> ValidateFleet(const Scenario& scenario) {
  if (scenario.cohorts.empty() || scenario.cohorts.size() > kMostCohorts) {
    return std::unexpected(
        fmt::format("needed 1 to {} cohorts, found {}", kMostCohorts, scenario.cohorts.size()));
  }
  std::uint64_t endpoints = 0;
  for (const Cohort& cohort : scenario.cohorts) {
    if (auto valid = ValidateCohort(cohort); !valid) {
      return valid;
    }
    endpoints += cohort.endpoints;
  }
  if (endpoints > kMostEndpoints || scenario.racks > endpoints) {
    return std::unexpected(
        fmt::format("needed at most {} endpoints and no more racks than them, "
                    "found {} endpoints in {} racks",
                    kMostEndpoints,
                    endpoints,
                    scenario.racks));
  }
  return {};
}

}  // namespace

std::expected<void, std::string> ValidateScenario(const Scenario& scenario) {
  if (auto valid = ValidateFleet(scenario); !valid) {
    return valid;
  }
  if (scenario.run_for.count() < 0 || scenario.run_for > kLongestRun) {
    return std::unexpected("needed a run of at most 4 h, found a longer one");
  }
  const Fleet fleet = MakeFleet(scenario);
  const std::uint64_t endpoints = fleet.size();
  const std::uint64_t racks = fleet.racks();
  for (const Event& event : scenario.events) {
    if (event.at + event.over + event.lasting > scenario.run_for) {
      return std::unexpected(fmt::format(
          "needed every event within the run of {} s, found one at {} s; run for longer",
          ToSeconds(scenario.run_for),
          ToSeconds(event.at + event.over + event.lasting)));
    }
    if (auto valid = ValidateSelector(event.who, endpoints, racks); !valid) {
      return valid;
    }
  }
  for (const Loss& loss : scenario.losses) {
    if (auto valid = ValidateSelector(loss.who, endpoints, racks); !valid) {
      return valid;
    }
  }
  for (const Delay& delay : scenario.delays) {
    if (auto valid = ValidateSelector(delay.who, endpoints, racks); !valid) {
      return valid;
    }
  }
  return {};
}

Fleet MakeFleet(const Scenario& scenario) {
  std::uint64_t endpoints = 0;
  for (const Cohort& cohort : scenario.cohorts) {
    endpoints += cohort.endpoints;
  }
  const std::uint64_t racks = scenario.racks != 0 ? scenario.racks : (endpoints + 999) / 1000;
  return Fleet(scenario.cohorts, static_cast<Rack>(racks), scenario.seed);
}

}  // namespace flatline::generator
