// What a seed decides once: how large a simulated world is, how long it lives, and how often each
// kind of misfortune strikes it. A table of named numbers, so that a climate can be printed, given
// on a command line and shrunk; pure. The names are those of the members.
#pragma once

#include "tests/simulation/chance.h"

#include <flatline/flapping.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace flatline {

// Where the climate has flaps: an endpoint that dies twice within a second is suppressed for one.
inline constexpr FlapSettings kSimulatedFlapping{.death_penalty = 1'000,
                                                 .revival_penalty = 200,
                                                 .suppress = 1'300,
                                                 .reuse = 700,
                                                 .half_life = Duration{600'000'000},
                                                 .longest = Duration{2'000'000'000}};

struct Climate {
  std::uint64_t workers = 1;
  std::uint64_t ports = 1;
  std::uint64_t endpoints = 50;
  std::uint64_t life_ms = 2'500;
  std::uint64_t transition_ring = 256;
  std::uint64_t closed = 0;         // enrolment by command only
  std::uint64_t most_delay_us = 0;  // of the network; messages overtake each other within it
  // One in so many; 0: it never happens.
  std::uint64_t loss = 0;         // of messages
  std::uint64_t doubling = 0;     // likewise
  std::uint64_t replays = 0;      // messages after which an old one comes again
  std::uint64_t wandering = 0;    // messages that come to another worker than usual
  std::uint64_t stalls = 0;       // turns that are a stall
  std::uint64_t kills = 0;        // turns that are the dataplane's last
  std::uint64_t cuts = 0;         // looks that find that a link fails
  std::uint64_t misfortunes = 0;  // beats that are an endpoint's turn of fate
  std::uint64_t flaps = 0;        // beats of one endpoint in five that are its last for a while, or
                                  // the first again; and then flapping is damped
  std::uint64_t probes = 0;       // 1: of some profiles the suspect are asked, or all
  std::uint64_t one_way = 0;      // beats from which on none arrives for a while, while answers do
  std::uint64_t racks = 0;        // beats from which on nobody of a group is heard for a while
  std::uint64_t guards = 0;       // 1: of the fleet, 2: of groups, 3: both
  std::uint64_t leases = 0;       // beats after which an endpoint asks for a lease
  // Of control and its subscribers:
  std::uint64_t subscribers = 2;
  std::uint64_t segment_records = 63;
  std::uint64_t retained_segments = 0;    // 0: all
  std::uint64_t control_pauses = 0;       // steps of control that are followed by a pause
  std::uint64_t control_kills = 0;        // steps of control that are its last
  std::uint64_t kills_in_allocation = 0;  // likewise, amid an append: where a segment is begun
  std::uint64_t power_cuts = 0;           // steps after which the machine is without power
  std::uint64_t durability = 0;           // 0: none, 1: interval, 2: before sending
  std::uint64_t disk_troubles = 0;        // steps after which the disk takes nothing, or again
  std::uint64_t memory_journal = 0;       // bytes
  std::uint64_t subscriber_kills = 0;     // steps of a subscriber that are its last
  std::uint64_t hang_ups = 0;             // steps of a connection that are its last
  std::uint64_t most_piece = 100'000;     // bytes that a connection takes at once

  [[nodiscard]] static Climate Draw(Chance& chance);

  constexpr bool operator==(const Climate&) const = default;
};

struct ClimateField {
  std::string_view name;
  std::uint64_t Climate::* member;
  std::uint64_t least;  // where it does no harm
};

// All of them.
inline constexpr std::array kClimateFields{
    ClimateField{"kills", &Climate::kills, 0},
    ClimateField{"stalls", &Climate::stalls, 0},
    ClimateField{"cuts", &Climate::cuts, 0},
    ClimateField{"power_cuts", &Climate::power_cuts, 0},
    ClimateField{"control_kills", &Climate::control_kills, 0},
    ClimateField{"kills_in_allocation", &Climate::kills_in_allocation, 0},
    ClimateField{"control_pauses", &Climate::control_pauses, 0},
    ClimateField{"disk_troubles", &Climate::disk_troubles, 0},
    ClimateField{"subscriber_kills", &Climate::subscriber_kills, 0},
    ClimateField{"hang_ups", &Climate::hang_ups, 0},
    ClimateField{"misfortunes", &Climate::misfortunes, 0},
    ClimateField{"flaps", &Climate::flaps, 0},
    ClimateField{"one_way", &Climate::one_way, 0},
    ClimateField{"racks", &Climate::racks, 0},
    ClimateField{"leases", &Climate::leases, 0},
    ClimateField{"guards", &Climate::guards, 0},
    ClimateField{"loss", &Climate::loss, 0},
    ClimateField{"doubling", &Climate::doubling, 0},
    ClimateField{"replays", &Climate::replays, 0},
    ClimateField{"wandering", &Climate::wandering, 0},
    ClimateField{"most_delay_us", &Climate::most_delay_us, 0},
    ClimateField{"workers", &Climate::workers, 1},
    ClimateField{"ports", &Climate::ports, 1},
    ClimateField{"subscribers", &Climate::subscribers, 0},
    ClimateField{"endpoints", &Climate::endpoints, 1},
    ClimateField{"life_ms", &Climate::life_ms, 1},
    ClimateField{"closed", &Climate::closed, 0},
    ClimateField{"probes", &Climate::probes, 0},
    ClimateField{"durability", &Climate::durability, 0},
    ClimateField{"memory_journal", &Climate::memory_journal, 0},
    ClimateField{"retained_segments", &Climate::retained_segments, 0},
    ClimateField{"transition_ring", &Climate::transition_ring, 256},
    ClimateField{"segment_records", &Climate::segment_records, 63},
    ClimateField{"most_piece", &Climate::most_piece, 100'000},
};

// "kills=2012,stalls=0,…", and back: what is not named stays as it is. The error is one line.
[[nodiscard]] std::string PrintClimate(const Climate& climate);
[[nodiscard]] std::expected<Climate, std::string> ParseClimate(std::string_view text,
                                                               Climate climate);

}  // namespace flatline
