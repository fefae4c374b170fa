// A file of shared memory: opened or created, locked against a second owner, mapped and populated.
// Knows pages, limits and owners of files, and nothing of what is in them. Used by SharedRegion, at
// start. Every failure is one line that says what was needed, what was found and what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace flatline {

class RegionFile {
 public:
  // An existing file, locked and mapped as it is. To be asked for only where Exists.
  [[nodiscard]] static std::expected<RegionFile, std::string> Open(const std::string& path);

  // A new file of zeroed memory, locked, mode 0660, of `group` unless that is empty. Takes the name
  // from an older file there. All memory is taken before it returns; what was made is removed again
  // on failure.
  [[nodiscard]] static std::expected<RegionFile, std::string> Create(const std::string& path,
                                                                     std::uint64_t bytes,
                                                                     const std::string& group);

  [[nodiscard]] static bool Exists(const std::string& path);

  RegionFile(RegionFile&& other) noexcept;
  RegionFile& operator=(RegionFile&&) = delete;
  RegionFile(const RegionFile&) = delete;
  RegionFile& operator=(const RegionFile&) = delete;
  ~RegionFile();

  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_; }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  [[nodiscard]] bool has_name() const noexcept;

  // Pages of a mapped file may still be missing after a predecessor was killed while formatting.
  [[nodiscard]] std::expected<void, std::string> Populate();

  // Takes the file's name away; who has it mapped keeps the memory.
  void Unlink() noexcept;

 private:
  RegionFile(std::string path, int descriptor) noexcept;
  [[nodiscard]] std::expected<void, std::string> Prepare(std::uint64_t bytes,
                                                         const std::string& group);
  [[nodiscard]] std::expected<void, std::string> Lock();
  [[nodiscard]] std::expected<void, std::string> GiveTo(const std::string& group);
  [[nodiscard]] std::expected<void, std::string> Map(std::uint64_t bytes);

  std::string path_;
  int descriptor_;  // keeps the lock
  std::span<std::byte> memory_;
};

// Mount points of hugetlbfs with 2 MiB pages in which this process may make files.
[[nodiscard]] std::vector<std::string> HugepageDirectories();

// Bytes that files in a directory can still take: free pages of hugetlbfs, or of a tmpfs and the
// machine, whichever is less.
[[nodiscard]] std::uint64_t FreeBytes(const std::string& directory);

// Of the machine, in ordinary pages.
[[nodiscard]] std::uint64_t AvailableMemory();

// Size of a page of files there: 4096, or 2 MiB on hugetlbfs.
[[nodiscard]] std::uint32_t PageOf(const std::string& directory);

}  // namespace flatline
