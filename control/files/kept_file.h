// A small file that outlives a kill of the process: kept in memory, where its owner reads and
// changes it, and written through a mapping, part by part, without a system call. Of a fixed size,
// with its room on the disk taken at once, so that no write can find the disk full. Used by the
// parts of control that remember; by one thread at a time. Whoever cuts the file short, removes it
// or puts another in its place costs nothing: a fault is caught (page_shield), and Mend makes the
// file anew from memory. Errors are one line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

class KeptFile {
 public:
  // Made if need be, then all zero; `purpose` is for the error and the log. One that is too short
  // keeps what it has, and the log says so.
  [[nodiscard]] static std::expected<KeptFile, std::string> Open(const std::string& path,
                                                                 std::size_t bytes,
                                                                 std::string_view purpose);

  KeptFile(KeptFile&& other) noexcept;
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;
  ~KeptFile();

  // What is in it, in memory. Of a type that any bytes are a value of.
  template <typename T>
  [[nodiscard]] T* As() noexcept {
    return reinterpret_cast<T*>(memory_.data());
  }

  // Writes a part of it, which has been changed, to the file.
  template <typename T>
  void Save(const T& part) noexcept {
    const auto* const from = reinterpret_cast<const std::byte*>(&part);
    std::memcpy(
        Mapped() + (from - reinterpret_cast<const std::byte*>(memory_.data())), from, sizeof(part));
  }

  // For the log: entries that were torn when it was opened, and count as not there; 0: not a word.
  void SayTorn(std::size_t entries) const;

  // Looks whether the file is whole and in its place, and if not makes it anew. To be called once a
  // second: three system calls. 0, or the errno of why it cannot be made; the log is told of either
  // once.
  [[nodiscard]] int Mend();

 private:
  struct Mapping;

  KeptFile(std::string path, std::size_t bytes, std::string_view purpose);

  [[nodiscard]] int Read();
  [[nodiscard]] int MakeAnew();
  [[nodiscard]] std::string Fault() const;

  [[nodiscard]] std::byte* Mapped() const noexcept { return mapped_; }

  std::string path_;
  std::string purpose_;
  std::size_t bytes_;
  std::vector<std::uint64_t> memory_;  // aligned for any entry
  std::unique_ptr<Mapping> mapping_;
  std::byte* mapped_ = nullptr;  // the mapping's
  bool is_told_ = false;         // that it cannot be made anew
};

}  // namespace flatline
