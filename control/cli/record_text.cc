#include "control/cli/record_text.h"

#include "control/cli/lease_text.h"
#include "control/cli/printable.h"
#include "control/cli/status_text.h"

#include <flatline/guard.h>
#include <flatline/summary.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace flatline::cli {
namespace {

std::string_view StateName(RecordKind kind, std::uint8_t state) {
  return kind == RecordKind::kHealth ? NameIn(kHealthNames, state) : NameIn(kLivenessNames, state);
}

// "endpoint 42", "endpoint 42 (web-7)".
std::string EndpointText(const DeliveryRecord& record, std::string_view name) {
  return fmt::format(
      "endpoint {}{}", record.endpoint, name.empty() ? "" : " (" + Printable(name) + ")");
}

std::string MarksText(std::uint8_t marks) {
  std::string out;
  for (std::size_t i = 0; i < kMarkNames.size(); ++i) {
    if (((marks >> i) & 1U) != 0) {
      out += ", " + std::string(kMarkNames[i]);
    }
  }
  return out;
}

std::string ChangeText(const DeliveryRecord& record, std::string_view name) {
  const bool is_health = record.kind == RecordKind::kHealth;
  const bool is_late = record.reason == static_cast<std::uint8_t>(Reason::kHeartbeatLate);
  return fmt::format("{} {}{} -> {} ({}), {} {}, group {}, incarnation {}{}",
                     EndpointText(record, name),
                     is_health ? "health " : "",
                     StateName(record.kind, record.from),
                     StateName(record.kind, record.to),
                     NameIn(kReasonNames, record.reason),
                     is_late ? "by" : "silent",
                     ShortDuration(Duration{record.silence_ns}),
                     record.group,
                     record.incarnation,
                     MarksText(record.marks));
}

std::string MaintenanceText(const DeliveryRecord& record, std::string_view name) {
  const std::string of = record.endpoint == kNoEndpoint ? fmt::format("group {}", record.group)
                                                        : EndpointText(record, name);
  return record.to != 0
             ? fmt::format("{}: maintenance for {}", of, ShortDuration(Duration{record.silence_ns}))
             : fmt::format("{}: maintenance is over after {} ({})",
                           of,
                           ShortDuration(Duration{record.silence_ns}),
                           NameIn(kGroupCauseNames, record.from));
}

std::string FlappingText(const DeliveryRecord& record, std::string_view name) {
  const std::string_view now = StateName(RecordKind::kLiveness, record.to);
  if (record.reason == static_cast<std::uint8_t>(Reason::kFlapping)) {
    return fmt::format(
        "{} FLAPPING, {} now, penalty {}: its changes are suppressed until it is "
        "quiet, for {} at least",
        EndpointText(record, name),
        now,
        record.heartbeat_sequence,
        ShortDuration(Duration{record.silence_ns}));
  }
  return fmt::format("{} is quiet again after {}: {} -> {} ({} changes were suppressed)",
                     EndpointText(record, name),
                     ShortDuration(Duration{record.silence_ns}),
                     StateName(RecordKind::kLiveness, record.from),
                     now,
                     record.incarnation);
}

void AddFlapping(const DeliveryRecord& record, std::string_view name, nlohmann::ordered_json& out) {
  out["endpoint"] = record.endpoint;
  if (!name.empty()) {
    out["name"] = name;
  }
  const bool begins = record.reason == static_cast<std::uint8_t>(Reason::kFlapping);
  out["begins"] = begins;
  out["from"] = StateName(RecordKind::kLiveness, record.from);
  out["to"] = StateName(RecordKind::kLiveness, record.to);
  out["health"] = NameOf(record.health);
  out["group"] = record.group;
  out["profile"] = record.profile;
  out["penalty"] = record.heartbeat_sequence;
  out["reason"] = NameIn(kReasonNames, record.reason);
  out["silence_ns"] = record.silence_ns;
  if (!begins) {
    out["suppressed"] = record.incarnation;
  }
}

std::string GroupText(const DeliveryRecord& record) {
  const std::string of = record.group == kNoGroup ? "fleet" : fmt::format("group {}", record.group);
  const bool begins = record.to != 0;
  const bool is_guard = record.reason == static_cast<std::uint8_t>(Reason::kGuard);
  const char* const what =
      is_guard ? (begins ? "guard: nobody is called dead" : "guard leaves: verdicts pass again")
               : (begins ? "MASS FAILURE" : "mass failure is over");
  return fmt::format("{}: {}, {} of {} silent, {} {} ({})",
                     of,
                     what,
                     record.incarnation,
                     record.heartbeat_sequence,
                     begins ? "within" : "after",
                     ShortDuration(Duration{record.silence_ns}),
                     NameIn(kGroupCauseNames, record.from));
}

void AddMaintenance(const DeliveryRecord& record,
                    std::string_view name,
                    nlohmann::ordered_json& out) {
  if (record.endpoint == kNoEndpoint) {
    out["group"] = record.group;
  } else {
    out["endpoint"] = record.endpoint;
    if (!name.empty()) {
      out["name"] = name;
    }
  }
  out["begins"] = record.to != 0;
  out["cause"] = NameIn(kGroupCauseNames, record.from);
  out["silence_ns"] = record.silence_ns;
}

bool IsChange(RecordKind kind) {
  return kind == RecordKind::kLiveness || kind == RecordKind::kHealth;
}

void AddEndpoint(const DeliveryRecord& record, std::string_view name, nlohmann::ordered_json& out) {
  out["endpoint"] = record.endpoint;
  if (!name.empty()) {
    out["name"] = name;
  }
  if (IsChange(record.kind)) {
    out["from"] = StateName(record.kind, record.from);
  }
  out["to"] = StateName(record.kind, record.to);
  out["health"] = NameOf(record.health);
  out["group"] = record.group;
  out["profile"] = record.profile;
  out["incarnation"] = record.incarnation;
  out["heartbeat_sequence"] = record.heartbeat_sequence;
  out["worker"] = record.worker;
  out["marks"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < kMarkNames.size(); ++i) {
    if (((record.marks >> i) & 1U) != 0) {
      out["marks"].push_back(kMarkNames[i]);
    }
  }
}

void AddGroup(const DeliveryRecord& record, nlohmann::ordered_json& out) {
  if (record.group == kNoGroup) {
    out["group"] = nullptr;
  } else {
    out["group"] = record.group;
  }
  out["reason"] = NameIn(kReasonNames, record.reason);
  out["begins"] = record.to != 0;
  out["cause"] = NameIn(kGroupCauseNames, record.from);
  out["silent"] = record.incarnation;
  out["of"] = record.heartbeat_sequence;
  out["silence_ns"] = record.silence_ns;
}

std::string SummaryText(const DeliveryRecord& record, std::string_view name) {
  const SummaryCounts counts = ReadSummary(record);
  const std::string of =
      record.to != 0
          ? std::string("all")
          : fmt::format(
                "group {}{}", record.group, name.empty() ? "" : " (" + Printable(name) + ")");
  return fmt::format(
      "{}: {} alive ({} degraded, {} failing), {} suspect, {} dead, {} left, {} unknown{}",
      of,
      counts.of(Liveness::kAlive),
      counts.degraded,
      counts.failing,
      counts.of(Liveness::kSuspect),
      counts.of(Liveness::kDead),
      counts.of(Liveness::kLeft),
      counts.of(Liveness::kUnknown),
      (record.reason & kSummaryUnsettled) != 0 ? "; being counted anew" : "");
}

void AddSummary(const DeliveryRecord& record, std::string_view name, nlohmann::ordered_json& out) {
  const SummaryCounts counts = ReadSummary(record);
  if (record.to != 0) {
    out["group"] = nullptr;
  } else {
    out["group"] = record.group;
  }
  if (!name.empty()) {
    out["name"] = name;
  }
  for (std::size_t i = 0; i < kLivenessNames.size(); ++i) {
    out[std::string(kLivenessNames[i])] = counts.liveness[i];
  }
  out["degraded"] = counts.degraded;
  out["failing"] = counts.failing;
  out["settled"] = (record.reason & kSummaryUnsettled) == 0;
}

std::string Body(const DeliveryRecord& record, std::string_view name) {
  switch (record.kind) {
    case RecordKind::kLiveness:
    case RecordKind::kHealth:
      return ChangeText(record, name);
    case RecordKind::kBlind:
      return fmt::format("blind for {} ({}): no verdict counts this time",
                         ShortDuration(Duration{record.silence_ns}),
                         NameIn(kReasonNames, record.reason));
    case RecordKind::kGroup:
      return GroupText(record);
    case RecordKind::kFlapping:
      return FlappingText(record, name);
    case RecordKind::kMaintenance:
      return MaintenanceText(record, name);
    case RecordKind::kLease:
      return LeaseText(record, EndpointText(record, name));
    case RecordKind::kReset:
      return "reset: the dataplane began with an empty table; all that was known is void";
    case RecordKind::kGap:
      return fmt::format("GAP: records {} to {} are lost", record.silence_ns + 1, record.sequence);
    case RecordKind::kSnapshotBegin:
      return "snapshot begins";
    case RecordKind::kSnapshotRow:
      return fmt::format("{} is {}, health {}, group {}, incarnation {}{}",
                         EndpointText(record, name),
                         StateName(RecordKind::kLiveness, record.to),
                         NameOf(record.health),
                         record.group,
                         record.incarnation,
                         MarksText(record.marks));
    case RecordKind::kSnapshotEnd:
      return fmt::format("snapshot ends after {} rows; what follows is news", record.silence_ns);
    case RecordKind::kSummary:
      return SummaryText(record, name);
    default:
      return std::string(NameOf(record.kind));
  }
}

}  // namespace

std::string_view NameOf(RecordKind kind) noexcept {
  switch (kind) {
    case RecordKind::kLiveness:
      return "liveness";
    case RecordKind::kHealth:
      return "health";
    case RecordKind::kBlind:
      return "blind";
    case RecordKind::kReset:
      return "reset";
    case RecordKind::kGroup:
      return "group";
    case RecordKind::kFlapping:
      return "flapping";
    case RecordKind::kMaintenance:
      return "maintenance";
    case RecordKind::kLease:
      return "lease";
    case RecordKind::kHello:
      return "hello";
    case RecordKind::kBookmark:
      return "bookmark";
    case RecordKind::kGap:
      return "gap";
    case RecordKind::kSnapshotBegin:
      return "snapshot-begin";
    case RecordKind::kSnapshotRow:
      return "snapshot-row";
    case RecordKind::kSnapshotEnd:
      return "snapshot-end";
    case RecordKind::kError:
      return "error";
    case RecordKind::kCommandResult:
      return "command-result";
    case RecordKind::kName:
      return "name";
    case RecordKind::kSummary:
      return "summary";
    case RecordKind::kSuspicion:
      return "suspicion";
  }
  return "?";
}

std::string WallText(std::int64_t ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t fraction = ((ns % kSecond) + kSecond) % kSecond;
  const auto seconds = static_cast<std::time_t>((ns - fraction) / kSecond);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(seconds), fraction);
}

std::string RecordText(const DeliveryRecord& record, std::string_view name) {
  return fmt::format("{} #{} {}", WallText(record.at_ns), record.sequence, Body(record, name));
}

std::string JsonLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json RecordJson(const DeliveryRecord& record, std::string_view name) {
  nlohmann::ordered_json out{{"kind", NameOf(record.kind)},
                             {"sequence", record.sequence},
                             {"at", WallText(record.at_ns)},
                             {"at_ns", record.at_ns}};
  if (IsChange(record.kind) || record.kind == RecordKind::kSnapshotRow) {
    AddEndpoint(record, name, out);
  }
  if (IsChange(record.kind) || record.kind == RecordKind::kBlind) {
    out["reason"] = NameIn(kReasonNames, record.reason);
    out["silence_ns"] = record.silence_ns;
  }
  if (record.kind == RecordKind::kGroup) {
    AddGroup(record, out);
  }
  if (record.kind == RecordKind::kFlapping) {
    AddFlapping(record, name, out);
  }
  if (record.kind == RecordKind::kMaintenance) {
    AddMaintenance(record, name, out);
  }
  if (record.kind == RecordKind::kLease) {
    AddLease(record, name, out);
  }
  if (record.kind == RecordKind::kGap) {
    out["lost_from"] = record.silence_ns + 1;
    out["lost_to"] = record.sequence;
  }
  if (record.kind == RecordKind::kSnapshotEnd) {
    out["rows"] = record.silence_ns;
  }
  if (record.kind == RecordKind::kSummary) {
    AddSummary(record, name, out);
  }
  return out;
}

}  // namespace flatline::cli
