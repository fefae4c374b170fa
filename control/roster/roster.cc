#include "control/roster/roster.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <ranges>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace flatline {
namespace {

std::unexpected<std::string> Fail(const std::string& path, const std::string& fault) {
  return std::unexpected(
      fmt::format("{}: {}; load it anew with `flatline roster load`", path, fault));
}

std::unexpected<std::string> FailBy(const std::string& path, const char* what, int number) {
  return std::unexpected(
      fmt::format("{}: cannot {}: {}", path, what, std::generic_category().message(number)));
}

// What is wrong with the file, or nothing.
const char* FaultIn(const std::byte* at, std::size_t size) {
  const auto& header = *reinterpret_cast<const RosterHeader*>(at);
  if (header.magic != RosterHeader{}.magic) {
    return "is not a roster";
  }
  if (header.version != kRosterVersion) {
    return "is a roster of another version";
  }
  if (header.header != roster::ChecksumOf(header) || header.bytes != size) {
    return "its header is damaged, or its end is missing";
  }
  if (header.contents != roster::ChecksumOf(at + kRosterContents, size - kRosterContents)) {
    return "its contents are damaged";
  }
  return nullptr;
}

}  // namespace

std::expected<std::shared_ptr<const Roster>, std::string> Roster::Open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno == ENOENT) {
      return nullptr;
    }
    return FailBy(path, "open", errno);
  }
  struct stat status{};
  const bool is_known = ::fstat(descriptor, &status) == 0;
  const auto size = static_cast<std::size_t>(status.st_size);
  if (!is_known || size < kRosterContents) {
    ::close(descriptor);
    return Fail(path, "is not a roster");
  }
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  const int number = errno;
  ::close(descriptor);
  if (mapped == MAP_FAILED) {
    return FailBy(path, "map", number);
  }
  const auto* const at = static_cast<const std::byte*>(mapped);
  ::madvise(mapped, size, MADV_WILLNEED);
  if (const char* const fault = FaultIn(at, size)) {
    ::munmap(mapped, size);
    return Fail(path, fault);
  }
  return std::shared_ptr<const Roster>(new Roster(at, size));
}

Roster::Roster(const std::byte* at, std::size_t mapped)
    : at_(at),
      mapped_(mapped),
      header_(reinterpret_cast<const RosterHeader*>(at)),
      ids_(Of<EndpointId>(RosterSection::kIds).data()),
      directory_(Of<std::uint32_t>(RosterSection::kDirectory).data()),
      bucket_bits_(roster::BucketBits(header_->endpoints)),
      name_bits_(roster::BucketBits(Of<Ordinal>(RosterSection::kNameOrder).size())) {}

Roster::~Roster() {
  ::munmap(const_cast<std::byte*>(at_), mapped_);
}

void Roster::Prefetch(EndpointId id) const noexcept {
  __builtin_prefetch(directory_ + roster::BucketOf(roster::HashOf(id), bucket_bits_));
}

std::optional<Roster::Ordinal> Roster::Find(EndpointId id) const noexcept {
  const std::uint64_t bucket = roster::BucketOf(roster::HashOf(id), bucket_bits_);
  for (Ordinal at = directory_[bucket]; at < directory_[bucket + 1]; ++at) {
    if (ids_[at] == id) {
      return at;
    }
  }
  return std::nullopt;
}

std::optional<EndpointId> Roster::IdOf(std::string_view name_wanted) const noexcept {
  const std::uint64_t bucket =
      roster::BucketOf(roster::HashOfName(name_wanted.data(), name_wanted.size()), name_bits_);
  const auto directory = Of<std::uint32_t>(RosterSection::kNameDirectory);
  const auto order = Of<Ordinal>(RosterSection::kNameOrder);
  for (std::uint32_t at = directory[bucket]; at < directory[bucket + 1]; ++at) {
    if (name(order[at]) == name_wanted) {
      return ids_[order[at]];
    }
  }
  return std::nullopt;
}

std::string_view Roster::name(Ordinal ordinal) const noexcept {
  const std::uint64_t begin = Begin(RosterSection::kNameBase, RosterSection::kNameOffset, ordinal);
  const std::uint64_t end =
      Begin(RosterSection::kNameBase, RosterSection::kNameOffset, std::size_t{ordinal} + 1);
  return {Of<char>(RosterSection::kNames).data() + begin, static_cast<std::size_t>(end - begin)};
}

std::string_view Roster::NameOf(EndpointId id) const noexcept {
  const auto ordinal = Find(id);
  return ordinal ? name(*ordinal) : std::string_view{};
}

std::span<const Roster::Pair> Roster::labels(Ordinal ordinal) const noexcept {
  const std::uint64_t begin =
      Begin(RosterSection::kLabelBase, RosterSection::kLabelOffset, ordinal);
  const std::uint64_t end =
      Begin(RosterSection::kLabelBase, RosterSection::kLabelOffset, std::size_t{ordinal} + 1);
  return Of<Pair>(RosterSection::kLabels).subspan(begin, end - begin);
}

Roster::Key Roster::keys() const noexcept {
  return static_cast<Key>(Of<std::uint32_t>(RosterSection::kKeyOffset).size() - 1);
}

Roster::Pair Roster::pairs() const noexcept {
  return static_cast<Pair>(Of<std::uint64_t>(RosterSection::kValueOffset).size() - 1);
}

std::string_view Roster::key(Key key) const noexcept {
  return TextOf<std::uint32_t>(RosterSection::kKeyOffset, RosterSection::kKeys, key);
}

std::string_view Roster::value(Pair pair) const noexcept {
  return TextOf<std::uint64_t>(RosterSection::kValueOffset, RosterSection::kValues, pair);
}

std::optional<Roster::Key> Roster::FindKey(std::string_view wanted) const noexcept {
  const auto all = std::views::iota(Key{0}, keys());
  const auto at = std::ranges::lower_bound(all, wanted, {}, [this](Key one) { return key(one); });
  return at != all.end() && key(*at) == wanted ? std::optional(*at) : std::nullopt;
}

std::pair<Roster::Pair, Roster::Pair> Roster::PairsOf(Key key) const noexcept {
  const auto first = Of<Pair>(RosterSection::kPairFirst);
  return {first[key], first[key + 1]};
}

Roster::Key Roster::KeyOf(Pair pair) const noexcept {
  const auto first = Of<Pair>(RosterSection::kPairFirst);
  return static_cast<Key>(std::ranges::upper_bound(first, pair) - first.begin() - 1);
}

std::optional<Roster::Pair> Roster::FindPair(Key key, std::string_view wanted) const noexcept {
  const auto [first, end] = PairsOf(key);
  const auto all = std::views::iota(first, end);
  const auto at =
      std::ranges::lower_bound(all, wanted, {}, [this](Pair one) { return value(one); });
  return at != all.end() && value(*at) == wanted ? std::optional(*at) : std::nullopt;
}

std::span<const Roster::Ordinal> Roster::members(Pair pair) const noexcept {
  const auto first = Of<std::uint64_t>(RosterSection::kMemberFirst);
  return Of<Ordinal>(RosterSection::kMembers).subspan(first[pair], first[pair + 1] - first[pair]);
}

std::string_view Roster::GroupName(Group group) const noexcept {
  const auto named = named_groups();
  const auto at = std::ranges::lower_bound(named, group);
  return at == named.end() || *at != group
             ? std::string_view{}
             : TextOf<std::uint32_t>(RosterSection::kGroupOffset,
                                     RosterSection::kGroupNames,
                                     static_cast<std::size_t>(at - named.begin()));
}

std::optional<Group> Roster::FindGroup(std::string_view name) const noexcept {
  const Group group = roster::NumberOfGroup(name.data(), name.size());
  return GroupName(group) == name ? std::optional(group) : std::nullopt;
}

}  // namespace flatline
