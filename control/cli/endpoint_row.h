// One endpoint as the table has it, for people and for programs: read from the region without a
// lock, each field whole, the row as of one instant give or take a heartbeat. Used by get and list.
#pragma once

#include <flatline/region.h>
#include <flatline/time.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>

namespace flatline::cli {

struct EndpointRow {
  EndpointId id = kNoEndpoint;
  Slot slot = kNoSlot;
  unsigned worker = 0;  // that owns it
  Liveness liveness = Liveness::kUnknown;
  Health health = Health::kUnknown;
  ProfileId profile = kDefaultProfile;
  std::string profile_name;
  Group group = kNoGroup;
  std::uint32_t incarnation = 0;
  std::uint32_t sequence = 0;
  Duration silence{};     // hearing time since it was heard, or enrolled; wraps after 39 hours
  Duration interval{};    // between heartbeats, smoothed; zero: not known yet
  Duration deviation{};   // of it, standard
  double suspicion = 0;   // phi, whatever detector judges it; 0: no history, or nobody to suspect
  Duration allowed{};     // silence until it is suspect
  std::string source;     // "10.0.0.7:5000"; empty: never heard
  unsigned port = 0;      // of ours, by which it was heard
  Duration round_trip{};  // the longest of late, by probes; zero: never measured
};

// What is in a slot, or nothing.
[[nodiscard]] std::optional<EndpointRow> ReadRow(const RegionView& region, Slot slot, Instant now);

// Where an endpoint is: a scan of its owner's slots.
[[nodiscard]] std::optional<Slot> FindSlot(const RegionView& region, EndpointId id);

struct RowFilter {
  std::uint32_t liveness_mask = ~0U;  // bit n: Liveness n
  std::uint32_t health_mask = ~0U;
  std::optional<ProfileId> profile;
  std::set<Group> groups;  // empty: all

  [[nodiscard]] bool Accepts(const EndpointRow& row) const;
};

[[nodiscard]] std::string RowHeading();
[[nodiscard]] std::string RowText(const EndpointRow& row);       // one line
[[nodiscard]] std::string RowParagraph(const EndpointRow& row);  // all fields
[[nodiscard]] nlohmann::ordered_json RowJson(const EndpointRow& row);

}  // namespace flatline::cli
