#include "tests/simulation/climate.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace flatline {

Climate Climate::Draw(Chance& chance) {
  // Each evil is absent from some worlds, so that what it hides can be seen there.
  const auto perhaps = [&](std::uint64_t n) { return chance.OneIn(3) ? 0 : n; };
  Climate out;
  out.workers = 1 + chance.Below(3);
  out.ports = 1 + chance.Below(2);
  out.endpoints = 10 + chance.Below(70);
  out.transition_ring = chance.OneIn(4) ? 8 : 256;
  out.closed = chance.OneIn(4) ? 1 : 0;
  out.loss = perhaps(3 + chance.Below(30));
  out.doubling = perhaps(4 + chance.Below(30));
  out.replays = perhaps(4 + chance.Below(60));
  out.most_delay_us = chance.OneIn(3) ? 0 : 30'000;
  out.wandering = perhaps(2 + chance.Below(20));
  out.stalls = perhaps(200 + chance.Below(2000));
  out.kills = perhaps(2000 + chance.Below(4000));
  out.cuts = perhaps(50 + chance.Below(400));
  out.misfortunes = perhaps(20 + chance.Below(200));
  out.subscribers = 1 + chance.Below(4);
  out.segment_records = chance.OneIn(2) ? 63 : 1023;
  out.retained_segments = chance.OneIn(5) ? 2 + chance.Below(3) : 0;
  out.control_pauses = perhaps(500 + chance.Below(2000));
  out.control_kills = perhaps(300 + chance.Below(2000));
  out.kills_in_allocation = perhaps(2 + chance.Below(8));
  out.power_cuts = chance.OneIn(4) ? 2000 + chance.Below(4000) : 0;
  out.durability = chance.Below(3);
  out.disk_troubles = perhaps(200 + chance.Below(2000));
  out.memory_journal = chance.OneIn(3) ? 0 : std::uint64_t{1} << 20;
  out.subscriber_kills = perhaps(100 + chance.Below(1000));
  out.hang_ups = perhaps(100 + chance.Below(1000));
  out.most_piece = chance.OneIn(2) ? 100'000 : 1 + chance.Below(1000);
  out.probes = chance.Below(2);
  out.one_way = perhaps(50 + chance.Below(400));
  out.flaps = chance.OneIn(2) ? 0 : 4 + chance.Below(6);
  out.leases = perhaps(1 + chance.Below(10));
  out.guards = chance.OneIn(2) ? 0 : 1 + chance.Below(3);
  out.racks = perhaps(100 + chance.Below(1000));
  return out;
}

std::string PrintClimate(const Climate& climate) {
  std::string out;
  for (const ClimateField& field : kClimateFields) {
    out += (out.empty() ? "" : ",") + std::string(field.name) + "=" +
           std::to_string(climate.*field.member);
  }
  return out;
}

std::expected<Climate, std::string> ParseClimate(std::string_view text, Climate climate) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const std::string_view name = pair.substr(0, pair.find('='));
    const auto field = std::ranges::find(kClimateFields, name, &ClimateField::name);
    const std::string_view digits = pair.substr(std::min(name.size() + 1, pair.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (field == kClimateFields.end() || error != std::errc{} ||
        end != digits.data() + digits.size()) {
      return std::unexpected("climate: needed name=number, found '" + std::string(pair) + "'");
    }
    climate.*field->member = value;
  }
  return climate;
}

}  // namespace flatline
