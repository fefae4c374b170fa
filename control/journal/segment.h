// One file of the journal, on the disk or in memory, mapped: a header of one record's size, then
// records at their place, zeroes behind. All its room is taken when it is created, so that a full
// disk is an error then and not a fault later. Written by the journal's one writer; sent from by
// whoever holds it, also after retention has unlinked the file. Cost: records are written and sent
// where they lie.
//
//   <first sequence, 20 digits>.journal:   header | record first | first + 1 | … | zeroes
#pragma once

#include "control/journal/holes.h"

#include <flatline/crc32c.h>
#include <flatline/delivery.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

// No number of ours comes so far: a million records a second for 140,000 years. What says more, by
// name or by mark, is not believed.
inline constexpr std::uint64_t kMostSequence = std::uint64_t{1} << 62;

struct SegmentHeader {
  std::array<char, 8> magic{'F', 'L', 'J', 'O', 'U', 'R', 'N', 'L'};
  std::uint32_t version = 1;
  std::uint32_t record_bytes = sizeof(DeliveryRecord);
  std::uint64_t first = 0;  // sequence of the record behind the header
  // Sequences up to here have been given out, here or in memory; and its complement, which says
  // that it was written whole. Changed with every append, and so not under the CRC.
  std::uint64_t given = 0;
  std::uint64_t given_check = 0;
  // Sequences up to here may have been given out in memory only; and its complement.
  std::uint64_t in_memory = 0;
  std::uint64_t in_memory_check = 0;
  std::array<std::uint8_t, 4> reserved{};
  std::uint32_t crc = 0;  // CRC32C of the 60 bytes before, the four marks as zero
};

static_assert(sizeof(SegmentHeader) == sizeof(DeliveryRecord));

struct SegmentError {
  int number = 0;  // errno
  std::string text;
};

// Takes room on the disk for a file: 0, or an errno. posix_fallocate, unless a test says otherwise.
using Allocate = std::function<int(int descriptor, std::uint64_t bytes)>;

class Segment {
 public:
  // A new file of `bytes`, all of it allocated; one that is too short for a segment is taken for
  // it. On failure all is as it was.
  [[nodiscard]] static std::expected<std::shared_ptr<Segment>, SegmentError> Create(
      const std::string& path, std::uint64_t first, std::uint64_t bytes, const Allocate& allocate);

  static constexpr std::uint64_t kLeastBytes = 2 * sizeof(DeliveryRecord);

  // An existing file, not changed by this. `first` is from its name.
  [[nodiscard]] static std::expected<std::shared_ptr<Segment>, SegmentError> Open(
      const std::string& path, std::uint64_t first);

  // Likewise in memory: as a file of a directory there, which outlives this process, or, where that
  // cannot be had, as one without a name.
  [[nodiscard]] static std::expected<std::shared_ptr<Segment>, SegmentError> CreateInMemory(
      const std::string& directory, std::uint64_t first, std::uint64_t bytes);

  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();

  // "<directory>/00000000000000000001.journal".
  [[nodiscard]] static std::string PathOf(const std::string& directory, std::uint64_t first);

  [[nodiscard]] std::uint64_t first() const noexcept { return first_; }

  // Room for so many records.
  [[nodiscard]] std::uint64_t capacity() const noexcept {
    return bytes_ / sizeof(DeliveryRecord) - 1;
  }

  // One past the last sequence there is room for.
  [[nodiscard]] std::uint64_t end() const noexcept { return first_ + capacity(); }

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  [[nodiscard]] std::span<DeliveryRecord> records() const noexcept {
    return {reinterpret_cast<DeliveryRecord*>(base_) + 1, capacity()};
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  // Pages that the disk refused to read or write, and that are this process's memory since.
  [[nodiscard]] std::uint64_t lost_pages() const noexcept {
    return lost_pages_.load(std::memory_order_relaxed);
  }

  // Whether these can be read without waiting for the disk; if not, it is asked for them.
  [[nodiscard]] bool IsReadable(std::span<const DeliveryRecord> records) const;

  // True of one that a loss of power takes away.
  [[nodiscard]] bool is_in_memory() const noexcept { return is_in_memory_; }

  void SayInMemory() noexcept { is_in_memory_ = true; }

  // True while its name leads to this file: whoever comes next will find it.
  [[nodiscard]] bool IsInPlace() const noexcept;

  // False when the header was not as it should be when the file was opened.
  [[nodiscard]] bool is_header_sound() const noexcept { return is_header_sound_; }

  void WriteHeader() noexcept;

  // Puts a record, numbered and sealed, at its place: its number last, so that whoever is killed in
  // between leaves a place that claims no number.
  void Put(const DeliveryRecord& record) const noexcept;

  // Makes its page one that is to be written to the disk, without a change.
  void Touch(std::uint64_t sequence) const noexcept;

  // Leaves word that sequences up to `sequence`, at least those put here, have been given out.
  void MarkGiven(std::uint64_t sequence) const noexcept;

  // What MarkGiven left; 0 where it left nothing.
  [[nodiscard]] std::uint64_t given() const noexcept;

  // Likewise, of a file that is too short to be opened.
  [[nodiscard]] static std::uint64_t GivenInStump(const std::string& path, std::uint64_t first);

  // That sequences up to this one may be in memory, beyond this file; 0: none are.
  void MarkInMemory(std::uint64_t sequence) const noexcept;
  [[nodiscard]] std::uint64_t marked_in_memory() const noexcept;

  // Takes the file's name away, for its records are given up. The memory stays for those who hold
  // the segment.
  void Remove() noexcept;

  // Likewise, for its records are elsewhere too.
  void Unlink() const noexcept;

  // Gives it another name: 0, or an errno.
  [[nodiscard]] int Rename(const std::string& path);

  [[nodiscard]] bool removed() const noexcept { return removed_.load(std::memory_order_relaxed); }

 private:
  Segment(std::string path, std::uint64_t first, int descriptor) noexcept
      : path_(std::move(path)), first_(first), descriptor_(descriptor) {}

  [[nodiscard]] std::expected<void, SegmentError> Map(std::uint64_t bytes);

  [[nodiscard]] SegmentHeader& header() const noexcept {
    return *reinterpret_cast<SegmentHeader*>(base_);
  }

  std::string path_;
  std::uint64_t first_;
  int descriptor_;
  std::byte* base_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::size_t shield_ = 0;
  std::atomic<std::uint64_t> lost_pages_{0};
  bool is_header_sound_ = true;
  bool is_in_memory_ = false;
  std::atomic<bool> removed_{false};
};

// A directory of this user's that nobody else may look into.
[[nodiscard]] bool IsPrivateDirectory(const std::string& path);

// What is found in a segment by looking at every place of it.
struct SegmentScan {
  std::uint64_t good = 0;        // records that are as they should be
  std::uint64_t upto = 0;        // places up to and with the last that was ever finished
  std::vector<Hole> bad;         // among those, the ones that are not as they should be
  std::uint64_t unfinished = 0;  // places behind them that are not zero
};

[[nodiscard]] SegmentScan Scan(const Segment& segment);

// How many of `records`, the first of which should have `sequence`, are as they should be before
// the first that is not. About 4 ns each where they are in the cache.
[[nodiscard]] std::size_t CountSound(std::span<const DeliveryRecord> records,
                                     std::uint64_t sequence) noexcept;

}  // namespace flatline
