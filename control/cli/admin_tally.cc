#include "control/cli/admin_tally.h"

#include <flatline/command_ring.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace flatline::cli {
namespace {

constexpr std::size_t kMostListed = 20;

// An entry that failed: an endpoint, or a group.
struct Failed {
  AdminEntry entry;
  CommandStatus status = CommandStatus::kDone;
};

// What came of it, by status, and the first that went wrong.
struct Tally {
  std::array<std::uint64_t, kCommandStatusNames.size()> counts{};
  std::vector<Failed> failures{};
  std::uint64_t failed = 0;
  std::size_t answered = 0;

  [[nodiscard]] std::uint64_t Of(CommandStatus status) const {
    return counts[static_cast<std::size_t>(status)];
  }
};

std::string_view NameOf(CommandStatus status) {
  return NameIn(kCommandStatusNames, status);
}

void Count(CommandStatus status, const AdminEntry& entry, Tally& tally) {
  const auto index = static_cast<std::size_t>(status);
  ++tally.counts[index < tally.counts.size() ? index : 0];
  if (status != CommandStatus::kDone && status != CommandStatus::kAlreadyEnrolled) {
    ++tally.failed;
    if (tally.failures.size() < kMostListed) {
      tally.failures.push_back({entry, status});
    }
  }
}

void PrintJson(const char* verb, std::size_t asked, const Tally& tally, std::ostream& out) {
  nlohmann::ordered_json line{{"verb", verb}, {"asked", asked}};
  for (std::size_t i = 1; i < tally.counts.size(); ++i) {
    line["results"][std::string(kCommandStatusNames[i])] = tally.counts[i];
  }
  line["failures"] = nlohmann::ordered_json::array();
  for (const Failed& failure : tally.failures) {
    if (failure.entry.id == kNoEndpoint) {
      line["failures"].push_back(
          {{"group", failure.entry.group}, {"status", NameOf(failure.status)}});
    } else {
      line["failures"].push_back(
          {{"endpoint", failure.entry.id}, {"status", NameOf(failure.status)}});
    }
  }
  out << line.dump() << "\n";
}

void PrintText(const char* verb, std::size_t asked, const Tally& tally, std::ostream& out) {
  out << verb << ": " << asked << " asked for";
  for (std::size_t i = 1; i < tally.counts.size(); ++i) {
    if (tally.counts[i] != 0) {
      out << ", " << tally.counts[i] << " " << kCommandStatusNames[i];
    }
  }
  out << "\n";
  for (const Failed& failure : tally.failures) {
    out << "  ";
    if (failure.entry.id == kNoEndpoint) {
      out << "group " << failure.entry.group;
    } else {
      out << failure.entry.id;
    }
    out << ": " << NameOf(failure.status) << "\n";
  }
  if (tally.failed > tally.failures.size()) {
    out << "  and " << tally.failed - tally.failures.size() << " more\n";
  }
}

}  // namespace

ExitCode CarryOut(const AdminOrder& order,
                  const AdminOptions& options,
                  const std::string& address,
                  const AdminAccess& access,
                  const Invocation& invocation) {
  Tally tally;
  const auto done = Administer(
      address,
      order.entries,
      ParseDuration(options.timeout).value_or(Duration{}),
      [&](const AdminResult& result) {
        const std::size_t index = tally.answered++;
        if (index < order.asked || result.status != CommandStatus::kDone) {
          Count(result.status, order.entries[index], tally);
        }
      },
      access);
  (invocation.json ? PrintJson : PrintText)(order.verb, order.asked, tally, invocation.out);
  if (!done) {
    return invocation.Fail(ExitCode::kFailed, done.error());
  }
  if (tally.failed == 0) {
    return ExitCode::kOk;
  }
  return tally.failed == tally.Of(CommandStatus::kUnknownEndpoint) ? ExitCode::kAbsent
                                                                   : ExitCode::kFailed;
}

}  // namespace flatline::cli
