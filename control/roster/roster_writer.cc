#include "control/roster/roster_writer.h"

#include "control/roster/roster_dictionary.h"
#include "control/roster/roster_output.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <tbb/parallel_for.h>
#include <tbb/parallel_invoke.h>

namespace flatline {
namespace {

using Row = RosterBatch::Row;
using enum RosterSection;

constexpr std::size_t kOffsetBlock = std::size_t{1} << kOffsetBlockBits;

std::uint64_t TotalOf(std::span<const std::string_view> texts) {
  std::uint64_t out = 0;
  for (const std::string_view text : texts) {
    out += text.size();
  }
  return out;
}

class Writer {
 public:
  Writer(const std::vector<RosterBatch>& batches,
         const RosterOrder& order,
         RosterDictionary dictionary)
      : batches_(&batches),
        order_(&order),
        dictionary_(std::move(dictionary)),
        count_(order.by_id.size()),
        name_base_(count_ / kOffsetBlock + 2),
        label_base_(name_base_.size()) {
    for (const auto& [number, name] : dictionary_.groups) {
      group_numbers_.push_back(number);
      group_names_.emplace_back(name);
    }
    FindBases();
    LayOut();
  }

  [[nodiscard]] std::uint64_t bytes() const { return header_.bytes; }

  [[nodiscard]] RosterTotals totals() const {
    return {.endpoints = count_,
            .named = order_->by_name.size(),
            .labels = label_base_.back(),
            .pairs = dictionary_.values.size(),
            .bytes = header_.bytes};
  }

  void Fill(std::span<std::byte> file) {
    file_ = file;
    std::ranges::copy(std::span(name_base_).first(count_ / kOffsetBlock + 1),
                      Of<std::uint64_t>(kNameBase).begin());
    std::ranges::copy(std::span(label_base_).first(count_ / kOffsetBlock + 1),
                      Of<std::uint64_t>(kLabelBase).begin());
    tbb::parallel_for(
        std::size_t{0}, count_ / kOffsetBlock + 1, [this](std::size_t block) { FillBlock(block); });
    tbb::parallel_invoke([this] { FillMembers(); },
                         [this] {
                           FillDirectory(order_->by_id, kDirectory);
                           FillDirectory(order_->by_name, kNameDirectory);
                           FillNameOrder();
                           FillInterned();
                         });
    Seal();
  }

 private:
  [[nodiscard]] const Row& RowAt(std::size_t ordinal) const {
    const RosterPlace& place = order_->by_id[ordinal];
    return (*batches_)[place.batch].rows()[place.row];
  }

  // Where names and labels of each block of ordinals begin; the last: where all of them end.
  void FindBases() {
    tbb::parallel_for(std::size_t{0}, name_base_.size() - 1, [this](std::size_t block) {
      const std::size_t end = std::min(count_, (block + 1) * kOffsetBlock);
      for (std::size_t i = block * kOffsetBlock; i < end; ++i) {
        name_base_[block + 1] += RowAt(i).name_size;
        label_base_[block + 1] += RowAt(i).label_count;
      }
    });
    for (std::size_t block = 1; block < name_base_.size(); ++block) {
      name_base_[block] += name_base_[block - 1];
      label_base_[block] += label_base_[block - 1];
    }
  }

  void Place(RosterSection section, std::uint64_t bytes) {
    header_.sections[static_cast<std::size_t>(section)] = {header_.bytes, bytes};
    header_.bytes += (bytes + kRosterAlignment - 1) / kRosterAlignment * kRosterAlignment;
  }

  void LayOut() {
    constexpr std::uint64_t kWord = sizeof(std::uint32_t);
    constexpr std::uint64_t kLong = sizeof(std::uint64_t);
    const auto buckets = [](std::uint64_t count) {
      return (std::uint64_t{1} << roster::BucketBits(count)) + 1;
    };
    header_.endpoints = count_;
    header_.bytes = kRosterContents;
    const std::uint64_t blocks = count_ / kOffsetBlock + 1;
    Place(kIds, count_ * kLong);
    Place(kDirectory, buckets(count_) * kWord);
    Place(kNameBase, blocks * kLong);
    Place(kNameOffset, (count_ + 1) * kWord);
    Place(kNames, name_base_.back());
    Place(kNameOrder, order_->by_name.size() * kWord);
    Place(kNameDirectory, buckets(order_->by_name.size()) * kWord);
    Place(kGroups, count_ * kWord);
    Place(kProfiles, count_);
    Place(kLabelBase, blocks * kLong);
    Place(kLabelOffset, (count_ + 1) * kWord);
    Place(kLabels, label_base_.back() * kWord);
    Place(kMemberFirst, (dictionary_.values.size() + 1) * kLong);
    Place(kMembers, label_base_.back() * kWord);
    Place(kPairFirst, dictionary_.pair_first.size() * kWord);
    Place(kKeyOffset, (dictionary_.keys.size() + 1) * kWord);
    Place(kKeys, TotalOf(dictionary_.keys));
    Place(kValueOffset, (dictionary_.values.size() + 1) * kLong);
    Place(kValues, TotalOf(dictionary_.values));
    Place(kGroupNumbers, group_numbers_.size() * kWord);
    Place(kGroupOffset, (group_numbers_.size() + 1) * kWord);
    Place(kGroupNames, TotalOf(group_names_));
  }

  template <typename T>
  [[nodiscard]] std::span<T> Of(RosterSection section) const {
    const RosterExtent& extent = header_.sections[static_cast<std::size_t>(section)];
    return {reinterpret_cast<T*>(file_.data() + extent.offset), extent.bytes / sizeof(T)};
  }

  void FillBlock(std::size_t block) {
    const std::size_t end = std::min(count_, (block + 1) * kOffsetBlock);
    std::uint32_t name = 0;
    std::uint32_t label = 0;
    const auto names = Of<char>(kNames).subspan(name_base_[block]);
    const auto labels = Of<std::uint32_t>(kLabels).subspan(label_base_[block]);
    const auto tell = [&](std::size_t ordinal) {
      Of<std::uint32_t>(kNameOffset)[ordinal] = name;
      Of<std::uint32_t>(kLabelOffset)[ordinal] = label;
    };
    for (std::size_t i = block * kOffsetBlock; i < end; ++i) {
      Ahead(i);
      const RosterPlace& place = order_->by_id[i];
      const RosterBatch& batch = (*batches_)[place.batch];
      const Row& row = batch.rows()[place.row];
      tell(i);
      Of<EndpointId>(kIds)[i] = row.id;
      Of<Group>(kGroups)[i] = row.group;
      Of<std::uint8_t>(kProfiles)[i] = row.profile;
      std::copy_n(row.name, row.name_size, names.begin() + name);
      name += row.name_size;
      for (std::size_t at = 0; at < row.label_count; ++at) {
        labels[label++] = dictionary_.pair_of[place.batch][batch.labels()[row.first_label + at]];
      }
    }
    if (block == count_ / kOffsetBlock) {
      tell(count_);
    }
  }

  // Rows lie in the order of the file, which has nothing to do with this one.
  void Ahead(std::size_t ordinal) const {
    constexpr std::size_t kRows = 24;
    constexpr std::size_t kText = 12;
    if (ordinal + kRows < count_) {
      __builtin_prefetch(&RowAt(ordinal + kRows));
    }
    if (ordinal + kText < count_) {
      const RosterPlace& place = order_->by_id[ordinal + kText];
      const RosterBatch& batch = (*batches_)[place.batch];
      const Row& row = batch.rows()[place.row];
      __builtin_prefetch(row.name);
      __builtin_prefetch(batch.labels().data() + row.first_label);
    }
  }

  void FillMembers() const {
    const auto first = Of<std::uint64_t>(kMemberFirst);
    const auto labels = Of<std::uint32_t>(kLabels);
    const auto members = Of<std::uint32_t>(kMembers);
    for (const std::uint32_t pair : labels) {
      ++first[pair + 1];
    }
    for (std::size_t pair = 1; pair < first.size(); ++pair) {
      first[pair] += first[pair - 1];
    }
    std::vector<std::uint64_t> next(first.begin(), first.end());
    const auto base = Of<std::uint64_t>(kLabelBase);
    const auto offset = Of<std::uint32_t>(kLabelOffset);
    std::uint64_t at = 0;
    for (std::size_t ordinal = 0; ordinal < count_; ++ordinal) {
      const std::uint64_t end = base[(ordinal + 1) >> kOffsetBlockBits] + offset[ordinal + 1];
      for (; at < end; ++at) {
        members[next[labels[at]]++] = static_cast<std::uint32_t>(ordinal);
      }
    }
  }

  void FillDirectory(const std::vector<RosterPlace>& places, RosterSection section) const {
    const unsigned bits = roster::BucketBits(places.size());
    const auto directory = Of<std::uint32_t>(section);
    std::size_t next = 0;
    for (std::uint32_t at = 0; at < places.size(); ++at) {
      for (; next <= roster::BucketOf(places[at].hash, bits); ++next) {
        directory[next] = at;
      }
    }
    std::ranges::fill(directory.subspan(next), static_cast<std::uint32_t>(places.size()));
  }

  void FillNameOrder() const {
    std::vector<std::vector<std::uint32_t>> ordinals(batches_->size());
    for (std::size_t i = 0; i < ordinals.size(); ++i) {
      ordinals[i].resize((*batches_)[i].rows().size());
    }
    for (std::uint32_t ordinal = 0; ordinal < count_; ++ordinal) {
      const RosterPlace& place = order_->by_id[ordinal];
      ordinals[place.batch][place.row] = ordinal;
    }
    std::ranges::transform(
        order_->by_name, Of<std::uint32_t>(kNameOrder).begin(), [&](const RosterPlace& place) {
          return ordinals[place.batch][place.row];
        });
  }

  template <typename T>
  void FillTexts(std::span<const std::string_view> texts,
                 RosterSection offsets,
                 RosterSection bytes) const {
    T at = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      Of<T>(offsets)[i] = at;
      std::ranges::copy(texts[i], Of<char>(bytes).begin() + static_cast<std::ptrdiff_t>(at));
      at += static_cast<T>(texts[i].size());
    }
    Of<T>(offsets)[texts.size()] = at;
  }

  void FillInterned() const {
    std::ranges::copy(dictionary_.pair_first, Of<std::uint32_t>(kPairFirst).begin());
    FillTexts<std::uint32_t>(dictionary_.keys, kKeyOffset, kKeys);
    FillTexts<std::uint64_t>(dictionary_.values, kValueOffset, kValues);
    std::ranges::copy(group_numbers_, Of<Group>(kGroupNumbers).begin());
    FillTexts<std::uint32_t>(group_names_, kGroupOffset, kGroupNames);
  }

  void Seal() {
    header_.contents =
        roster::ChecksumOf(file_.data() + kRosterContents, file_.size() - kRosterContents);
    header_.header = roster::ChecksumOf(header_);
    std::memcpy(file_.data(), &header_, sizeof(header_));
  }

  const std::vector<RosterBatch>* batches_;
  const RosterOrder* order_;
  RosterDictionary dictionary_;
  std::size_t count_;
  std::vector<std::uint64_t> name_base_;
  std::vector<std::uint64_t> label_base_;
  std::vector<Group> group_numbers_;
  std::vector<std::string_view> group_names_;
  RosterHeader header_;
  std::span<std::byte> file_;
};

}  // namespace

std::expected<RosterTotals, std::string> WriteRoster(const std::vector<RosterBatch>& batches,
                                                     const RosterOrder& order,
                                                     const std::string& path) {
  if (order.by_id.size() >= 0xFFFFFFFFU) {
    return std::unexpected(path + ": a roster holds at most 4294967294 endpoints");
  }
  auto dictionary = RosterDictionary::Of(batches);
  if (!dictionary) {
    return std::unexpected(path + ": " + dictionary.error());
  }
  Writer writer(batches, order, std::move(*dictionary));
  auto output = RosterOutput::Create(path, writer.bytes());
  if (!output) {
    return std::unexpected(output.error());
  }
  writer.Fill(output->bytes());
  if (auto finished = output->Finish(); !finished) {
    return std::unexpected(std::move(finished.error()));
  }
  return writer.totals();
}

}  // namespace flatline
