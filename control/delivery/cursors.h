// Durable places in the journal, by name: where a subscriber that was away, or has moved, goes on.
// Kept in a mapped file beside the journal, so that they outlive control. Taken and moved by
// sessions on any thread, under a lock held for a moment. Bounds: kMost cursors; one that nobody
// has touched for the expiry makes room for a new one. Cost: a move is one store of 96 bytes.
//
//   file:  slot | slot | …      slot: two entries, written in turn; the later one that is whole
//   counts
#pragma once

#include "control/delivery/refusal.h"
#include "control/files/kept_file.h"
#include "control/files/two_copies.h"

#include <flatline/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

class Cursors {
 public:
  static constexpr std::size_t kMost = 4096;
  static constexpr std::size_t kMostName = 64;

  // A cursor in the hands of one connection, until another one takes it.
  struct Hold {
    std::size_t slot = 0;
    std::uint64_t holder = 0;
    std::optional<std::uint64_t> sequence;  // where it stands; nothing: it is new
  };

  // `path` is made if need be. The error is one line.
  [[nodiscard]] static std::expected<std::unique_ptr<Cursors>, std::string> Open(
      const std::string& path, Duration expiry);

  Cursors(const Cursors&) = delete;
  Cursors& operator=(const Cursors&) = delete;

  // Whoever had it, has it no more. A new one begins to stand somewhere with its first Move.
  [[nodiscard]] std::expected<Hold, Refusal> Take(std::string_view name, WallInstant wall);

  // False: another connection has taken it meanwhile. A cursor never moves back.
  bool Move(const Hold& hold, std::uint64_t sequence, WallInstant wall);

  [[nodiscard]] bool IsHeld(const Hold& hold) const;

  // As KeptFile::Mend.
  [[nodiscard]] int Mend();

 private:
  struct Entry {
    std::array<char, kMostName> name{};
    std::uint64_t sequence = 0;
    std::int64_t touched_ns = 0;  // wall clock
    std::uint64_t version = 0;    // the later of two
    std::uint32_t has_moved = 0;  // it stands somewhere
    std::uint32_t crc = 0;        // CRC32C of all before

    [[nodiscard]] bool is_possible() const noexcept {
      return IsTime(touched_ns) && (has_moved != 0 || sequence == 0);
    }
  };

  static_assert(sizeof(Entry) == 96);

  using Slot = TwoCopies<Entry>;

  Cursors(KeptFile file, Duration expiry);

  [[nodiscard]] std::optional<std::size_t> RoomFor(WallInstant wall) const;
  void Put(std::size_t slot);
  [[nodiscard]] static std::string_view NameOf(const Entry& entry) noexcept;

  KeptFile file_;
  Slot* slots_;  // in it, kMost of them
  Duration expiry_;
  mutable std::mutex mutex_;  // of all that follows, and of the file
  std::vector<Entry> entries_ = std::vector<Entry>(kMost);
  std::vector<std::uint64_t> holders_ = std::vector<std::uint64_t>(kMost);
  std::uint64_t last_holder_ = 0;
};

}  // namespace flatline
