#include "control/cli/lease_text.h"

#include <flatline/liveness.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <system_error>

namespace flatline::cli {

std::string LeaseNameText(const LeaseName& name) {
  return fmt::format("{}:{}", NameIn(kLeaseSpaceNames, name.space), name.number);
}

std::expected<LeaseName, std::string> ParseLeaseName(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view space = colon == std::string_view::npos ? "name" : text.substr(0, colon);
  const std::string_view number = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const auto* const found = std::ranges::find(kLeaseSpaceNames, space);
  LeaseName out;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), out.number);
  if (found == kLeaseSpaceNames.end() || error != std::errc{} ||
      end != number.data() + number.size()) {
    return std::unexpected(
        fmt::format("needed a lease: name:42 or 42, own (of each endpoint itself), leader (of its "
                    "--group) or leader:7, found \"{}\"",
                    text));
  }
  out.space = static_cast<LeaseSpace>(found - kLeaseSpaceNames.begin());
  return out;
}

LeaseName LeaseNameOf(const DeliveryRecord& record) noexcept {
  return {.space = static_cast<LeaseSpace>(record.from),
          .number = static_cast<std::uint64_t>(record.silence_ns)};
}

FencingToken TokenIn(const DeliveryRecord& record) noexcept {
  return (FencingToken{record.incarnation} << 32) | record.heartbeat_sequence;
}

std::string LeaseText(const DeliveryRecord& record, const std::string& holder) {
  return fmt::format("lease {} {} {} ({}), token {}, group {}",
                     LeaseNameText(LeaseNameOf(record)),
                     record.to != 0 ? "is held by" : "is no more held by",
                     holder,
                     NameIn(kReasonNames, record.reason),
                     TokenIn(record),
                     record.group);
}

void AddLease(const DeliveryRecord& record, std::string_view name, nlohmann::ordered_json& out) {
  out["lease"] = LeaseNameText(LeaseNameOf(record));
  out["holder"] = record.endpoint;
  if (!name.empty()) {
    out["name"] = name;
  }
  out["held"] = record.to != 0;
  out["reason"] = NameIn(kReasonNames, record.reason);
  out["token"] = TokenIn(record);
  out["group"] = record.group;
  out["worker"] = record.worker;
}

}  // namespace flatline::cli
