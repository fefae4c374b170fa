#include "control/roster/roster_dictionary.h"

#include <algorithm>
#include <set>

#include <tbb/parallel_sort.h>

namespace flatline {
namespace {

struct Found {
  std::uint32_t key = 0;  // of all
  std::uint32_t batch = 0;
  std::uint32_t pair = 0;  // of the batch
  std::string_view value{};

  friend bool operator<(const Found& a, const Found& b) {
    return a.key != b.key ? a.key < b.key : a.value < b.value;
  }
};

std::vector<std::string_view> KeysOf(const std::vector<RosterBatch>& batches) {
  std::set<std::string_view> keys;
  for (const RosterBatch& batch : batches) {
    keys.insert(batch.keys().begin(), batch.keys().end());
  }
  return {keys.begin(), keys.end()};
}

std::vector<Found> PairsOf(const std::vector<RosterBatch>& batches,
                           const std::vector<std::string_view>& keys) {
  std::vector<Found> out;
  for (std::uint32_t batch = 0; batch < batches.size(); ++batch) {
    std::vector<std::uint32_t> place;
    for (const std::string& key : batches[batch].keys()) {
      place.push_back(
          static_cast<std::uint32_t>(std::ranges::lower_bound(keys, key) - keys.begin()));
    }
    const auto& pairs = batches[batch].pairs();
    for (std::uint32_t pair = 0; pair < pairs.size(); ++pair) {
      out.push_back({place[pairs[pair].key], batch, pair, pairs[pair].value});
    }
  }
  tbb::parallel_sort(out);
  return out;
}

}  // namespace

std::expected<RosterDictionary, std::string> RosterDictionary::Of(
    const std::vector<RosterBatch>& batches) {
  RosterDictionary out;
  out.keys = KeysOf(batches);
  out.pair_first.resize(out.keys.size() + 1);
  for (const RosterBatch& batch : batches) {
    out.pair_of.emplace_back(batch.pairs().size());
    for (const auto& [group, name] : batch.group_names()) {
      const auto [at, is_new] = out.groups.try_emplace(group, name);
      if (!is_new && at->second != name) {
        return std::unexpected("groups \"" + name + "\" and \"" + at->second +
                               "\" have the same number; rename one, or give numbers");
      }
    }
  }
  const Found* before = nullptr;
  const std::vector<Found> found = PairsOf(batches, out.keys);
  for (const Found& one : found) {
    if (before == nullptr || *before < one) {
      out.values.push_back(one.value);
      ++out.pair_first[one.key + 1];
    }
    out.pair_of[one.batch][one.pair] = static_cast<std::uint32_t>(out.values.size() - 1);
    before = &one;
  }
  for (std::size_t key = 0; key < out.keys.size(); ++key) {
    out.pair_first[key + 1] += out.pair_first[key];
  }
  return out;
}

}  // namespace flatline
