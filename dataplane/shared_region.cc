#include "dataplane/shared_region.h"

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <new>
#include <string_view>
#include <sys/random.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace flatline {
namespace {

constexpr const char* kSharedMemory = "/dev/shm";

template <std::size_t kSize>
void CopyText(std::array<char, kSize>& to, std::string_view from) noexcept {
  to.fill('\0');
  std::copy_n(from.begin(), std::min(from.size(), kSize - 1), to.begin());
}

std::string BootId() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

// Where the region may be, the preferred place first.
std::vector<std::string> Directories(const Config& config) {
  if (config.region_directory != "auto") {
    return {config.region_directory};
  }
  std::vector<std::string> out;
  if (config.dataplane.hugepages != HugepageMode::kOff) {
    out = HugepageDirectories();
  }
  if (config.dataplane.hugepages != HugepageMode::kRequired) {
    out.emplace_back(kSharedMemory);
  }
  return out;
}

std::string PathIn(const std::string& directory, const Config& config) {
  return directory + "/flatline-" + config.instance;
}

// A predecessor was killed before its Format was done, or the machine has started again since: in
// both cases there is nothing to adopt. The caller holds the lock, so nobody is still at it.
bool HoldsNothing(std::span<const std::byte> memory) {
  if (memory.size() < sizeof(RegionHeader)) {
    return memory.empty();
  }
  const auto& header = *reinterpret_cast<const RegionHeader*>(memory.data());
  if (header.magic == 0) {
    return true;
  }
  return header.magic == kRegionMagic && header.version == kRegionVersion &&
         (header.state.load(std::memory_order_acquire) == RegionState::kFormatting ||
          BootId() != header.boot.data());
}

// Of a region that nothing brings back, no configuration and no other start, in words: its layout
// is another release's, or it was cut short. Else empty. Whoever starts means to go on without it.
std::string WhyLost(const RegionFile& file) {
  const std::span<const std::byte> memory = file.memory();
  // What a page has behind the end of its file are zeroes.
  const auto& header = *reinterpret_cast<const RegionHeader*>(memory.data());
  if (header.magic != kRegionMagic) {
    return {};
  }
  std::string found;
  if (memory.size() < sizeof(RegionHeader) ||
      (header.version == kRegionVersion && memory.size() < header.bytes)) {
    found = "was cut short, to " + std::to_string(memory.size()) +
            " bytes, by somebody who may write it";
  } else if (header.version != kRegionVersion) {
    found = "has the layout of another release (version " + std::to_string(header.version) +
            ", this one has version " + std::to_string(kRegionVersion) + ")";
  } else if (header.bytes == memory.size() && region::FaultIn(header.shape).empty() &&
             RegionLayout::Of(header.shape).bytes != header.bytes) {
    found = "has the layout of another release (other sections, " + std::to_string(header.bytes) +
            " bytes in all)";
  }
  return found.empty() ? found
                       : file.path() + ": " + found +
                             ": begins cold; all endpoints are unknown until they are heard, or "
                             "enrolled, anew";
}

std::string Describe(const RegionShape& shape) {
  return std::to_string(shape.workers) + " workers of " + std::to_string(shape.slots_per_worker) +
         " slots, rings of " + std::to_string(shape.transition_capacity) + ", " +
         std::to_string(shape.payloads_per_worker) + " payloads, " +
         std::to_string(shape.leases_per_worker) + " leases";
}

std::expected<void, std::string> CheckAdoptable(const RegionFile& file, const Config& config) {
  const std::span<std::byte> memory = file.memory();
  const auto& header = *reinterpret_cast<const RegionHeader*>(memory.data());
  const auto shape = ValidateRegion(header, memory.size(), file.path());
  if (!shape) {
    return std::unexpected(shape.error());
  }
  const RegionShape wanted = ShapeFor(config.dataplane, shape->page);
  if (wanted != *shape || header.capacity != config.dataplane.endpoints) {
    return std::unexpected(region::Complaint(
        file.path(),
        Describe(wanted),
        Describe(*shape) + " for " + std::to_string(header.capacity) + " endpoints",
        "restore dataplane.endpoints, workers, transition_ring, payloads and leases, or start "
        "with --cold"));
  }
  return {};
}

std::uint64_t DrawKey() {
  std::uint64_t key = 0;
  FLATLINE_CHECK(::getrandom(&key, sizeof(key), 0) == sizeof(key));
  return key;
}

// Ids fall into shards as balls into bins: mean `share`, variance share × (1 − 1/workers). At four
// deviations one start in 30,000 would find a shard full just before all of them are.
std::uint64_t MostOfAShard(std::uint64_t ids, std::uint32_t workers) noexcept {
  const double share = static_cast<double>(ids) / static_cast<double>(workers);
  const double deviation = std::sqrt(share * (1.0 - 1.0 / static_cast<double>(workers)));
  return static_cast<std::uint64_t>(std::ceil(share + 4.0 * deviation));
}

// Whether it can have come out of a configuration: an adopted region may be anybody's.
bool IsPossible(const Profile& profile) noexcept {
  const auto is_from = [](Duration least, std::initializer_list<Duration> times) {
    return std::ranges::all_of(
        times, [least](Duration time) { return time >= least && time <= kMostTimeout; });
  };
  return profile.name.back() == '\0' && profile.detector <= DetectorKind::kLearnt &&
         profile.probe <= ProbeKind::kEcho && profile.probes <= kMostProbes && profile.pull <= 1 &&
         is_from(kLeastTimeout, {profile.timeout, profile.confirmation}) &&
         is_from(Duration{1}, {profile.interval}) &&
         is_from(Duration{0},
                 {profile.least_confirmation, profile.allowance, profile.least_deviation});
}

// The first directory with room, else the last one, whose shortage then is the error.
std::string ChooseDirectory(const std::vector<std::string>& directories, const Config& config) {
  for (const std::string& directory : directories) {
    const RegionShape shape = ShapeFor(config.dataplane, PageOf(directory));
    if (FreeBytes(directory) >= RegionLayout::Of(shape).bytes) {
      return directory;
    }
  }
  return directories.back();
}

}  // namespace

RegionShape ShapeFor(const DataplaneConfig& config, std::uint32_t page) noexcept {
  const std::uint64_t hashed = MostOfAShard(config.endpoints, config.workers);
  // Each profile may leave one block partly filled.
  const std::uint64_t slots = std::min<std::uint64_t>(
      hashed + std::uint64_t{kMaxProfiles} * kBlockSlots, kNoSlot - kBlockSlots + 1);
  RegionShape shape;
  shape.workers = config.workers;
  shape.slots_per_worker =
      static_cast<std::uint32_t>((slots + kBlockSlots - 1) / kBlockSlots * kBlockSlots);
  shape.transition_capacity = config.transition_ring;
  shape.payloads_per_worker = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(MostOfAShard(config.payloads, config.workers), kMostPayloads));
  shape.leases_per_worker = config.leases == 0
                                ? 0
                                : static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                      MostOfAShard(config.leases, config.workers), kMostLeases));
  shape.page = page;
  return shape;
}

void UpdateRegion(const RegionView& region, const Config& config) noexcept {
  RegionHeader& header = region.header();
  for (std::size_t id = 0; id < kMaxProfiles; ++id) {
    // A profile that left the configuration stays while the region lives: records may have it.
    if (config.profiles[id].in_use()) {
      header.profiles[id] = config.profiles[id];
    } else if (!IsPossible(header.profiles[id])) {
      header.profiles[id] = {};
    }
  }
  header.enrolment_closed.store(config.dataplane.enrolment == Enrolment::kClosed ? 1 : 0,
                                std::memory_order_relaxed);
  header.default_profile.store(config.dataplane.default_profile, std::memory_order_relaxed);
  header.guard = {.share_ppm = config.guard.fleet_share_ppm,
                  .least_endpoints = config.guard.least_endpoints,
                  .window = config.guard.window,
                  .release_after = config.guard.release_after,
                  .group_share_ppm = config.guard.group_share_ppm,
                  .group_least = config.guard.group_least_endpoints};
  header.dataplane_pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
  CopyText(header.build, FLATLINE_VERSION);
  CopyText(header.boot, BootId());
}

RegionView FormatRegion(std::byte* memory,
                        const RegionShape& shape,
                        const Config& config,
                        WallInstant wall,
                        std::uint64_t hash_key) noexcept {
  const RegionView region(memory, shape);
  RegionHeader& header = *new (memory) RegionHeader;
  header.magic = kRegionMagic;
  header.version = kRegionVersion;
  header.shape = shape;
  header.bytes = region.layout().bytes;
  header.generation = static_cast<std::uint64_t>(wall.time_since_epoch().count());
  header.hash_key = hash_key;
  header.capacity = config.dataplane.endpoints;
  UpdateRegion(region, config);
  // Rings, progress, counters and records begin as zeroes, which the file is made of.
  header.state.store(RegionState::kLive, std::memory_order_release);
  return region;
}

SharedRegion::SharedRegion(RegionFile file, const RegionView& view, bool adopted) noexcept
    : file_(std::move(file)), view_(view), adopted_(adopted) {}

std::expected<SharedRegion, std::string> SharedRegion::Open(const Config& config,
                                                            bool cold,
                                                            WallInstant wall) {
  const std::vector<std::string> directories = Directories(config);
  if (directories.empty()) {
    return std::unexpected(region::Complaint("flatline-" + config.instance,
                                             "a hugetlbfs with 2 MiB pages (hugepages = required)",
                                             "none that is mounted and writable",
                                             "mount one, or set hugepages = \"auto\""));
  }
  std::string begins_cold_for;
  for (const std::string& directory : directories) {
    const std::string path = PathIn(directory, config);
    if (!RegionFile::Exists(path)) {
      continue;
    }
    auto file = RegionFile::Open(path);
    if (!file) {
      return std::unexpected(file.error());
    }
    if (!cold && !HoldsNothing(file->memory())) {
      begins_cold_for = WhyLost(*file);
      if (begins_cold_for.empty()) {
        return Adopt(std::move(*file), config);
      }
    }
    Abandon(*file);
  }
  auto out = Format(PathIn(ChooseDirectory(directories, config), config), config, wall);
  if (out) {
    out->begins_cold_for_ = std::move(begins_cold_for);
  }
  return out;
}

std::expected<SharedRegion, std::string> SharedRegion::Adopt(RegionFile file,
                                                             const Config& config) {
  if (auto adoptable = CheckAdoptable(file, config); !adoptable) {
    return std::unexpected(adoptable.error());
  }
  if (auto populated = file.Populate(); !populated) {
    return std::unexpected(populated.error());
  }
  auto& header = *reinterpret_cast<RegionHeader*>(file.memory().data());
  const RegionView view(file.memory().data(), header.shape);
  UpdateRegion(view, config);
  for (WorkerProgress& progress : view.dataplane().progress) {  // ours have not begun
    progress.thread_id.store(0, std::memory_order_relaxed);
    progress.cpu.store(-1, std::memory_order_relaxed);
  }
  header.adoptions.fetch_add(1, std::memory_order_relaxed);
  header.state.store(RegionState::kLive, std::memory_order_release);
  return SharedRegion(std::move(file), view, true);
}

std::expected<SharedRegion, std::string> SharedRegion::Format(const std::string& path,
                                                              const Config& config,
                                                              WallInstant wall) {
  const std::string directory = path.substr(0, path.rfind('/'));
  const RegionShape shape = ShapeFor(config.dataplane, PageOf(directory));
  if (const std::string fault = region::FaultIn(shape); !fault.empty()) {
    return std::unexpected(region::Complaint(
        path, "a table that slots can number", fault, "change dataplane.endpoints or workers"));
  }
  auto file = RegionFile::Create(path, RegionLayout::Of(shape).bytes, config.region_group);
  if (!file) {
    return std::unexpected(file.error());
  }
  const RegionView view = FormatRegion(file->memory().data(), shape, config, wall, DrawKey());
  return SharedRegion(std::move(*file), view, false);
}

// Whoever still has the old file mapped sees that it is over.
void SharedRegion::Abandon(RegionFile& file) noexcept {
  if (file.memory().size() >= sizeof(RegionHeader)) {
    auto& header = *reinterpret_cast<RegionHeader*>(file.memory().data());
    if (header.magic == kRegionMagic) {
      header.state.store(RegionState::kStopped, std::memory_order_release);
    }
  }
  file.Unlink();
}

void SharedRegion::MarkStopped() noexcept {
  view_.header().state.store(RegionState::kStopped, std::memory_order_release);
}

}  // namespace flatline
