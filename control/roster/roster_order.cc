#include "control/roster/roster_order.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include <tbb/parallel_for.h>
#include <tbb/parallel_sort.h>

namespace flatline {
namespace {

using Row = RosterBatch::Row;
using Places = std::vector<RosterPlace>;

template <typename Hash>
Places PlacesBy(const std::vector<RosterBatch>& batches, const Hash& hash) {
  std::vector<std::size_t> first(batches.size() + 1);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    first[i + 1] = first[i] + batches[i].rows().size();
  }
  Places out(first.back());
  tbb::parallel_for(std::size_t{0}, batches.size(), [&](std::size_t batch) {
    const auto& rows = batches[batch].rows();
    for (std::size_t row = 0; row < rows.size(); ++row) {
      out[first[batch] + row] = {
          hash(rows[row]), static_cast<std::uint32_t>(batch), static_cast<std::uint32_t>(row)};
    }
  });
  tbb::parallel_sort(out);
  return out;
}

std::string_view NameOf(const Row& row) {
  return {row.name, row.name_size};
}

// Complains of each row that is the same as an earlier one of its hash, and collects it.
void FindRepeats(std::vector<RosterBatch>& batches,
                 const Places& places,
                 const std::function<bool(const Row&, const Row&)>& same,
                 const std::function<std::string(const Row&)>& what,
                 Places& repeats) {
  const auto row_of = [&](const RosterPlace& place) -> const Row& {
    return batches[place.batch].rows()[place.row];
  };
  for (std::size_t at = 1; at < places.size(); ++at) {
    // NOLINTNEXTLINE(bugprone-inc-dec-in-conditions): && is a sequence point
    for (std::size_t before = at; before-- > 0 && places[before].hash == places[at].hash;) {
      if (!same(row_of(places[before]), row_of(places[at]))) {
        continue;
      }
      const Row& row = row_of(places[at]);
      const std::uint64_t earlier =
          batches[places[before].batch].first_line + row_of(places[before]).line;
      batches[places[at].batch].Complain(
          row.line, 0, what(row) + " is on line " + std::to_string(earlier) + " already");
      repeats.push_back({0, places[at].batch, places[at].row});
      break;
    }
  }
}

}  // namespace

RosterOrder OrderRoster(std::vector<RosterBatch>& batches) {
  RosterOrder out;
  Places repeats;
  out.by_id = PlacesBy(batches, [](const Row& row) { return roster::HashOf(row.id); });
  FindRepeats(
      batches,
      out.by_id,
      [](const Row& a, const Row& b) { return a.id == b.id; },
      [](const Row& row) { return "id " + std::to_string(row.id); },
      repeats);
  // Who has no name must not meet the others who have none: there may be millions of them.
  out.by_name = PlacesBy(batches, [](const Row& row) {
    return row.name_size == 0 ? roster::HashOf(row.id)
                              : roster::HashOfName(row.name, row.name_size);
  });
  FindRepeats(
      batches,
      out.by_name,
      [](const Row& a, const Row& b) { return a.name_size != 0 && NameOf(a) == NameOf(b); },
      [](const Row& row) { return "name \"" + std::string(NameOf(row)) + "\""; },
      repeats);
  std::ranges::sort(repeats);
  const auto is_repeat = [&](RosterPlace place) {
    place.hash = 0;
    return std::ranges::binary_search(repeats, place);
  };
  if (!repeats.empty()) {
    std::erase_if(out.by_id, is_repeat);
    std::erase_if(out.by_name, is_repeat);
  }
  std::erase_if(out.by_name, [&](const RosterPlace& place) {
    return batches[place.batch].rows()[place.row].name_size == 0;
  });
  return out;
}

}  // namespace flatline
