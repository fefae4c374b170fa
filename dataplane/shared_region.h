// The dataplane's end of the region file: makes it (Format), takes over what a predecessor left
// (Adopt), and holds the lock that keeps a second dataplane away. Called once at start and once at
// the end, by main. Assumes that one process per instance wants to be the dataplane; the kernel
// drops the lock of one that dies. All memory is populated before Open returns, so that a shortage
// is an error line at start and not a SIGBUS later: seconds for tens of gigabytes.
//
//   <directory>/flatline-<instance>     directory: as configured, or "auto": a mount of hugetlbfs
//                                       with 2 MiB pages where there is room, else /dev/shm
#pragma once

#include "dataplane/region_file.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

namespace flatline {

class SharedRegion {
 public:
  // Adopts the region of this configuration where there is one of the same layout, shape and boot;
  // formats one where there is none, where that which is there has another release's layout or
  // was cut short, or where `cold` asks for it. Another shape is the configuration's doing, which
  // can be undone, and refused. The error is one line: what was needed, what was found, what to do.
  // `wall` becomes the generation of a new region.
  [[nodiscard]] static std::expected<SharedRegion, std::string> Open(const Config& config,
                                                                     bool cold,
                                                                     WallInstant wall);

  [[nodiscard]] const RegionView& view() const noexcept { return view_; }

  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }

  [[nodiscard]] bool adopted() const noexcept { return adopted_; }

  // Why a region that was there was not adopted, as one line; empty where that was wanted, or there
  // was none.
  [[nodiscard]] const std::string& begins_cold_for() const noexcept { return begins_cold_for_; }

  // Its file has not been removed by anybody.
  [[nodiscard]] bool has_name() const noexcept { return file_.has_name(); }

  [[nodiscard]] bool on_hugepages() const noexcept { return view_.shape().page == kHugePage; }

  // Says that this dataplane ended on purpose: the last thing done before destruction. The file
  // stays, for a successor and for the tools.
  void MarkStopped() noexcept;

 private:
  SharedRegion(RegionFile file, const RegionView& view, bool adopted) noexcept;

  static std::expected<SharedRegion, std::string> Adopt(RegionFile file, const Config& config);
  static std::expected<SharedRegion, std::string> Format(const std::string& path,
                                                         const Config& config,
                                                         WallInstant wall);
  static void Abandon(RegionFile& file) noexcept;

  RegionFile file_;
  RegionView view_;
  bool adopted_;
  std::string begins_cold_for_;
};

// The shape for a configuration: configured endpoints over the workers, with slack for the
// imbalance of the hash and for blocks that a profile fills only in part.
[[nodiscard]] RegionShape ShapeFor(const DataplaneConfig& config, std::uint32_t page) noexcept;

// Lays out an empty region in zeroed memory of RegionLayout::Of(shape).bytes. It is live when this
// returns. Also how tests make a region in plain memory.
RegionView FormatRegion(std::byte* memory,
                        const RegionShape& shape,
                        const Config& config,
                        WallInstant wall,
                        std::uint64_t hash_key) noexcept;

// What of a configuration may change from one run to the next is brought up to date: profiles,
// enrolment, process id. For Format and Adopt.
void UpdateRegion(const RegionView& region, const Config& config) noexcept;

}  // namespace flatline
