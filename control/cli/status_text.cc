#include "control/cli/status_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace flatline::cli {
namespace {

struct LivenessGauge {
  std::string_view name;
  Counter counter;
};

constexpr std::array<LivenessGauge, 5> kLivenessGauges{{{"unknown", Counter::kUnknown},
                                                        {"alive", Counter::kAlive},
                                                        {"suspect", Counter::kSuspect},
                                                        {"dead", Counter::kDead},
                                                        {"left", Counter::kLeft}}};

double Rate(std::uint64_t now, std::uint64_t before, Duration elapsed) {
  const double seconds = static_cast<double>(elapsed.count()) / 1e9;
  return seconds <= 0 || now < before ? 0 : static_cast<double>(now - before) / seconds;
}

std::uint64_t Endpoints(const Observation& seen) {
  std::uint64_t out = 0;
  for (const LivenessGauge& gauge : kLivenessGauges) {
    out += seen[gauge.counter];
  }
  return out;
}

std::uint64_t Dropped(const Observation& seen) {
  std::uint64_t out = 0;
  for (const std::uint64_t count : seen.drops) {
    out += count;
  }
  return out;
}

std::uint64_t Waiting(const Observation& seen) {
  std::uint64_t out = 0;
  for (const WorkerObservation& worker : seen.workers) {
    out += worker.waiting;
  }
  return out;
}

// What is the matter with the dataplane, in one line.
std::string PulseSentence(const Observation& seen) {
  switch (seen.pulse) {
    case Pulse::kRunning:
      return fmt::format("running for {}, pid {}", ShortDuration(seen.running), seen.pid);
    case Pulse::kStopped:
      return "stopped on purpose; the table is kept for the next one";
    case Pulse::kGone:
      return fmt::format("gone: pid {} is not there any more; start it again", seen.pid);
    case Pulse::kStarting:
      return fmt::format("starting, pid {}: its workers have not begun", seen.pid);
    case Pulse::kHung:
      break;
  }
  std::string out = fmt::format("HUNG, pid {}:", seen.pid);
  for (std::size_t i = 0; i < seen.workers.size(); ++i) {
    const WorkerObservation& worker = seen.workers[i];
    if (worker.hangs) {
      out += fmt::format(" worker {} (thread {}{}) for {}",
                         i,
                         worker.thread,
                         worker.cpu < 0 ? "" : fmt::format(", cpu {}", worker.cpu),
                         ShortDuration(worker.turn_age));
    }
  }
  return out;
}

std::string ControlSentence(const Observation& seen) {
  const std::uint64_t waiting = Waiting(seen);
  if (seen.control_pid == 0) {
    return fmt::format("has not joined; {} transitions wait for it", waiting);
  }
  if (!seen.control_runs) {
    return fmt::format("{} for {}, pid {}; {} transitions wait for it",
                       seen.control_hangs ? "HUNG" : "silent",
                       ShortDuration(seen.control_age),
                       seen.control_pid,
                       waiting);
  }
  return fmt::format("running, pid {}; {} transitions on their way", seen.control_pid, waiting);
}

std::string HearingSentence(const Observation& seen) {
  std::string out = fmt::format("horizon {} behind, blind for {} in all",
                                ShortDuration(seen.horizon_lag),
                                ShortDuration(seen.blind));
  if (seen.deaf != Duration{}) {
    out += fmt::format("; A PORT IS DEAF since {}: no verdicts", ShortDuration(seen.deaf));
  }
  return out;
}

std::string UnconfinedOnes(const Observation& seen) {
  if (seen.is_dataplane_unconfined && seen.is_control_unconfined) {
    return "dataplane and control";
  }
  return seen.is_dataplane_unconfined ? "dataplane" : "control";
}

// Loud where something of it is not as it should be.
std::string JournalSentence(const Observation& seen) {
  std::string fault;
  if (seen.journal_fault != 0) {
    fault = fmt::format(" ({})", std::generic_category().message(seen.journal_fault));
  }
  std::string out = "on the disk";
  if (seen.journal_in_memory != Duration{}) {
    out = fmt::format(
        "IN MEMORY since {}: the disk refuses{}; {} records are not on it: make room or mend it",
        ShortDuration(seen.journal_in_memory),
        fault,
        seen.journal_records_in_memory);
  } else if (seen.journal_sync_failing != Duration{}) {
    out = fmt::format("NOT SAFE ON THE DISK since {}: syncing it fails{}: mend it",
                      ShortDuration(seen.journal_sync_failing),
                      fault);
  } else if (seen.journal_fault != 0) {
    out = fmt::format("THE DISK REFUSES{} the next file: make room or mend it", fault);
  }
  if (seen.journal_records_given_up != 0) {
    out += fmt::format("; {} RECORDS GIVEN UP in memory", seen.journal_records_given_up);
  }
  if (seen.journal_records_damaged != 0) {
    out += fmt::format("; {} RECORDS FOUND DAMAGED", seen.journal_records_damaged);
  }
  return out;
}

// Nothing where nobody ever flapped.
std::string FlappingLine(const Observation& seen) {
  if (seen.flapping == 0 && seen.changes_suppressed == 0 && seen.flaps_unwatched == 0) {
    return {};
  }
  std::string out = fmt::format(
      "flapping   {} endpoints; {} changes suppressed", seen.flapping, seen.changes_suppressed);
  if (seen.flaps_unwatched != 0) {
    out +=
        fmt::format("; {} DEATHS AND RETURNS NOT WATCHED: too many at once", seen.flaps_unwatched);
  }
  return out + "\n";
}

std::string GuardSentence(const Observation& seen) {
  std::string out;
  if (seen.guard_holds != Duration{}) {
    out = fmt::format("HOLDS since {}: nobody is called dead; ", ShortDuration(seen.guard_holds));
  } else if (seen.guard_spent) {
    out = "has left after its time, though many are silent; ";
  }
  out += fmt::format("{} of {} silent, holds from {:.4g} %",
                     seen.guard_silent,
                     seen.guard_watched,
                     seen.guard_share_ppm / 1e4);
  GuardOrder order;
  if (GuardOrder::Unpack(seen.guard_order, order) && order.mode != GuardMode::kAuto) {
    out += fmt::format("; ordered to {} {} ago",
                       NameIn(kGuardModeNames, order.mode),
                       ShortDuration(seen.guard_ordered));
    if (order.seconds != 0) {
      out += fmt::format(", for {} s", order.seconds);
    }
  }
  return out;
}

std::string GroupGuardLine(const GroupGuardObservation& seen) {
  std::string out = fmt::format("guard      group {}: ", seen.group);
  if (seen.holds != Duration{}) {
    out += fmt::format("HOLDS since {}: none of it is called dead; ", ShortDuration(seen.holds));
  }
  out += fmt::format("{} of {} silent", seen.silent, seen.watched);
  GuardOrder order;
  if (GuardOrder::Unpack(seen.order, order)) {
    out += fmt::format("; ordered to {}", NameIn(kGuardModeNames, order.mode));
  }
  return out + "\n";
}

std::string GuardLines(const Observation& seen) {
  std::string out = fmt::format("guard      {}\n", GuardSentence(seen));
  for (const GroupGuardObservation& of : seen.group_guards) {
    out += GroupGuardLine(of);
  }
  return out;
}

std::string CounterLine(const Observation& now,
                        const std::optional<Observation>& before,
                        std::size_t index) {
  const CounterDescription& description = kCounterDescriptions[index];
  std::string out = fmt::format("  {:24} {:>16}", description.name, now.counters[index]);
  if (before && description.type == CounterType::kCounter) {
    out += fmt::format(" {:>14.0f}/s",
                       Rate(now.counters[index], before->counters[index], now.at - before->at));
  }
  return out + "  " + std::string(description.sentence) + "\n";
}

}  // namespace

std::string ShortDuration(Duration duration) {
  const std::int64_t ns = duration.count();
  const auto in = [ns](double unit) { return static_cast<double>(ns) / unit; };
  if (ns < 1'000) {
    return fmt::format("{}ns", ns);
  }
  if (ns < 1'000'000) {
    return fmt::format("{:.1f}us", in(1e3));
  }
  if (ns < 1'000'000'000) {
    return fmt::format("{:.1f}ms", in(1e6));
  }
  const std::int64_t seconds = ns / 1'000'000'000;
  if (seconds < 60) {
    return fmt::format("{:.2f}s", in(1e9));
  }
  if (seconds < 3600) {
    return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  }
  return seconds < 86'400 ? fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60)
                          : fmt::format("{}d{:02}h", seconds / 86'400, seconds / 3600 % 24);
}

std::string StatusText(const Observation& now, const std::optional<Observation>& before) {
  std::string out = fmt::format("dataplane  {}\n", PulseSentence(now));
  out += fmt::format("control    {}\n", ControlSentence(now));
  out += fmt::format("journal    {}\n", JournalSentence(now));
  if (now.is_dataplane_unconfined || now.is_control_unconfined) {
    out += fmt::format("confine    NOT CONFINED: {}; set confine = true and restart\n",
                       UnconfinedOnes(now));
  }
  out += fmt::format("hearing    {}\n", HearingSentence(now));
  out += GuardLines(now);
  out += FlappingLine(now);
  out += fmt::format("endpoints  {} of {}, enrolment {}:",
                     Endpoints(now),
                     now.capacity,
                     now.closed ? "closed" : "open");
  for (const LivenessGauge& gauge : kLivenessGauges) {
    out += fmt::format(" {} {}", now[gauge.counter], gauge.name);
  }
  out += fmt::format(
      "\nregion     {} (build {}, adopted {} times)\n\nworker          turns   turn "
      "began   waiting   thread  cpu\n",
      now.path,
      now.build,
      now.adoptions);
  for (std::size_t i = 0; i < now.workers.size(); ++i) {
    const WorkerObservation& worker = now.workers[i];
    out += fmt::format("{:6} {:>14} {:>12} {:>9} {:>8} {:>4}{}\n",
                       i,
                       worker.turns,
                       ShortDuration(worker.turn_age) + " ago",
                       worker.waiting,
                       worker.thread,
                       worker.cpu < 0 ? "-" : std::to_string(worker.cpu),
                       worker.hangs && now.pulse == Pulse::kHung ? "  HANGS" : "");
  }
  out += "\ncounters\n";
  for (std::size_t i = 0; i < kCounters; ++i) {
    out += CounterLine(now, before, i);
  }
  out += fmt::format("\ndropped {}{}\n", Dropped(now), Dropped(now) == 0 ? "" : ", of these");
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    if (now.drops[i] != 0) {
      out += fmt::format("  {:24} {:>16}  {}\n",
                         kDropDescriptions[i].name,
                         now.drops[i],
                         kDropDescriptions[i].sentence);
    }
  }
  return out;
}

nlohmann::ordered_json StatusJson(const Observation& now,
                                  const std::optional<Observation>& before) {
  nlohmann::ordered_json out{{"dataplane", NameOf(now.pulse)},
                             {"pid", now.pid},
                             {"build", now.build},
                             {"region", now.path},
                             {"generation_ns", now.generation},
                             {"adoptions", now.adoptions},
                             {"running_ns", now.running.count()},
                             {"horizon_lag_ns", now.horizon_lag.count()},
                             {"blind_ns", now.blind.count()},
                             {"deaf_ns", now.deaf.count()},
                             {"enrolment", now.closed ? "closed" : "open"},
                             {"capacity", now.capacity},
                             {"endpoints", Endpoints(now)}};
  for (const LivenessGauge& gauge : kLivenessGauges) {
    out["liveness"][std::string(gauge.name)] = now[gauge.counter];
  }
  out["control"] = {{"pid", now.control_pid},
                    {"running", now.control_runs},
                    {"hangs", now.control_hangs},
                    {"turn_age_ns", now.control_age.count()},
                    {"transitions_waiting", Waiting(now)}};
  out["unconfined"] = {{"dataplane", now.is_dataplane_unconfined},
                       {"control", now.is_control_unconfined}};
  out["journal"] = {{"in_memory_ns", now.journal_in_memory.count()},
                    {"records_in_memory", now.journal_records_in_memory},
                    {"records_given_up", now.journal_records_given_up},
                    {"sync_failing_ns", now.journal_sync_failing.count()},
                    {"records_damaged", now.journal_records_damaged},
                    {"fault", now.journal_fault}};
  out["guard"] = {{"holds_ns", now.guard_holds.count()},
                  {"spent", now.guard_spent},
                  {"silent", now.guard_silent},
                  {"watched", now.guard_watched},
                  {"share", now.guard_share_ppm / 1e6},
                  {"group_share", now.group_share_ppm / 1e6},
                  {"groups", nlohmann::ordered_json::array()}};
  for (const GroupGuardObservation& of : now.group_guards) {
    out["guard"]["groups"].push_back({{"group", of.group},
                                      {"holds_ns", of.holds.count()},
                                      {"silent", of.silent},
                                      {"watched", of.watched}});
  }
  out["flapping"] = {{"endpoints", now.flapping},
                     {"suppressed", now.changes_suppressed},
                     {"unwatched", now.flaps_unwatched}};
  for (const WorkerObservation& worker : now.workers) {
    out["workers"].push_back({{"turns", worker.turns},
                              {"turn_age_ns", worker.turn_age.count()},
                              {"hangs", worker.hangs},
                              {"thread", worker.thread},
                              {"cpu", worker.cpu},
                              {"transitions_waiting", worker.waiting}});
  }
  for (std::size_t i = 0; i < kCounters; ++i) {
    const std::string name(kCounterDescriptions[i].name);
    out["counters"][name] = now.counters[i];
    if (before && kCounterDescriptions[i].type == CounterType::kCounter) {
      out["per_second"][name] = Rate(now.counters[i], before->counters[i], now.at - before->at);
    }
  }
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    out["drops"][std::string(kDropDescriptions[i].name)] = now.drops[i];
  }
  return out;
}

std::vector<std::string> TopFrame(const Observation& now,
                                  const Observation& before,
                                  FrameSize size) {
  const Duration elapsed = now.at - before.at;
  const auto rate = [&](Counter counter) { return Rate(now[counter], before[counter], elapsed); };
  std::vector<std::string> out{
      fmt::format("flatline: {}", PulseSentence(now)),
      fmt::format("control: {}", ControlSentence(now)),
      fmt::format("hearing: {}", HearingSentence(now)),
      fmt::format("journal: {}", JournalSentence(now)),
      fmt::format(
          "{:>12} {:>12} {:>12} {:>12} {:>12}", "unknown", "alive", "suspect", "dead", "left"),
      fmt::format("{:>12} {:>12} {:>12} {:>12} {:>12}   of {}",
                  now[Counter::kUnknown],
                  now[Counter::kAlive],
                  now[Counter::kSuspect],
                  now[Counter::kDead],
                  now[Counter::kLeft],
                  now.capacity),
      "",
      fmt::format("{:>12} {:>12} {:>12} {:>12} {:>12}   a second",
                  "heartbeats",
                  "frames",
                  "suspicions",
                  "deaths",
                  "recoveries"),
      fmt::format("{:>12.0f} {:>12.0f} {:>12.0f} {:>12.0f} {:>12.0f}",
                  rate(Counter::kHeartbeats),
                  rate(Counter::kFrames),
                  rate(Counter::kSuspicions),
                  rate(Counter::kDeaths),
                  rate(Counter::kRecoveries)),
      "",
      "worker  turns/s   turn began   waiting   thread  cpu"};
  const std::size_t known = std::min(now.workers.size(), before.workers.size());
  for (std::size_t i = 0; i < known; ++i) {
    const WorkerObservation& worker = now.workers[i];
    out.push_back(fmt::format("{:6} {:>8.0f} {:>12} {:>9} {:>8} {:>4}{}",
                              i,
                              Rate(worker.turns, before.workers[i].turns, elapsed),
                              ShortDuration(worker.turn_age) + " ago",
                              worker.waiting,
                              worker.thread,
                              worker.cpu < 0 ? "-" : std::to_string(worker.cpu),
                              worker.hangs ? "  HANGS" : ""));
  }
  out.emplace_back();
  out.push_back(fmt::format("dropped {}", Dropped(now)));
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    if (now.drops[i] != 0) {
      out.push_back(fmt::format("  {:20} {:>14} {:>10.0f}/s",
                                kDropDescriptions[i].name,
                                now.drops[i],
                                Rate(now.drops[i], before.drops[i], elapsed)));
    }
  }
  out.resize(static_cast<std::size_t>(std::max(size.rows, 1)));
  for (std::string& line : out) {
    line.resize(std::min(line.size(), static_cast<std::size_t>(std::max(size.columns, 0))));
  }
  out.back() = "q quits";
  return out;
}

}  // namespace flatline::cli
