#include "control/journal/segment.h"

#include "control/files/page_shield.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace flatline {
namespace {

std::unexpected<SegmentError> Fail(int number, const std::string& path, const std::string& what) {
  return std::unexpected(SegmentError{
      number,
      fmt::format("{}: cannot {}: {}", path, what, std::generic_category().message(number))});
}

std::uint32_t CrcOfHeader(SegmentHeader header) {
  header.given = 0;
  header.given_check = 0;
  header.in_memory = 0;
  header.in_memory_check = 0;
  return Crc32c(std::as_bytes(std::span{&header, 1}).first<offsetof(SegmentHeader, crc)>());
}

bool IsSound(const SegmentHeader& header, std::uint64_t first) {
  return header.crc == CrcOfHeader(header) && header.magic == SegmentHeader{}.magic &&
         header.first == first;
}

// No number of ours has come so far, and those that follow have names yet.
constexpr std::uint64_t kMostMark = kMostSequence / 2;

// A mark that was written whole, or 0.
std::uint64_t MarkOf(std::uint64_t mark, std::uint64_t check) {
  return mark == ~check && mark <= kMostMark ? mark : 0;
}

void SetMark(std::uint64_t value, std::uint64_t& mark, std::uint64_t& check) {
  std::atomic_ref(mark).store(value, std::memory_order_relaxed);
  std::atomic_ref(check).store(~value, std::memory_order_relaxed);
}

bool IsZero(const DeliveryRecord& record) {
  static constexpr std::array<std::byte, sizeof(DeliveryRecord)> kZero{};
  return std::memcmp(&record, kZero.data(), kZero.size()) == 0;
}

}  // namespace

// Others may make names in /dev/shm too.
bool IsPrivateDirectory(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid() && (status.st_mode & 0077U) == 0;
}

std::string Segment::PathOf(const std::string& directory, std::uint64_t first) {
  return fmt::format("{}/{:020}.journal", directory, first);
}

std::expected<std::shared_ptr<Segment>, SegmentError> Segment::Create(const std::string& path,
                                                                      std::uint64_t first,
                                                                      std::uint64_t bytes,
                                                                      const Allocate& allocate) {
  const bool was_there = ::access(path.c_str(), F_OK) == 0;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return Fail(errno, path, "create");
  }
  std::shared_ptr<Segment> out(new Segment(path, first, descriptor));
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 ||
      static_cast<std::uint64_t>(status.st_size) >= kLeastBytes) {
    return Fail(EEXIST, path, "create");
  }
  const auto undo = [&] {
    if (!was_there || ::ftruncate(descriptor, 0) != 0) {
      out->Remove();
    }
  };
  const int number = allocate ? allocate(descriptor, bytes)
                              : ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  if (number != 0) {
    undo();
    return Fail(number, path, fmt::format("take {} bytes", bytes));
  }
  if (const auto mapped = out->Map(bytes); !mapped) {
    undo();
    return std::unexpected(mapped.error());
  }
  out->WriteHeader();
  return out;
}

std::expected<std::shared_ptr<Segment>, SegmentError> Segment::CreateInMemory(
    const std::string& directory, std::uint64_t first, std::uint64_t bytes) {
  if (IsPrivateDirectory(directory) || ::mkdir(directory.c_str(), 0700) == 0) {
    if (auto named = Create(PathOf(directory, first), first, bytes, {})) {
      (*named)->SayInMemory();
      return named;
    }
  }
  const int descriptor = ::memfd_create("flatline-journal", MFD_CLOEXEC);
  if (descriptor < 0) {
    return Fail(errno, directory, "take memory");
  }
  std::shared_ptr<Segment> out(new Segment(PathOf(directory, first), first, descriptor));
  if (const int number = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes)); number != 0) {
    return Fail(number, directory, fmt::format("take {} bytes of memory", bytes));
  }
  if (const auto mapped = out->Map(bytes); !mapped) {
    return std::unexpected(mapped.error());
  }
  out->WriteHeader();
  out->SayInMemory();
  return out;
}

std::expected<std::shared_ptr<Segment>, SegmentError> Segment::Open(const std::string& path,
                                                                    std::uint64_t first) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    return Fail(errno, path, "open");
  }
  std::shared_ptr<Segment> out(new Segment(path, first, descriptor));
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) {
    return Fail(errno, path, "stat");
  }
  const auto bytes =
      static_cast<std::uint64_t>(status.st_size) / sizeof(DeliveryRecord) * sizeof(DeliveryRecord);
  if (bytes < kLeastBytes) {
    return std::unexpected(SegmentError{EINVAL, path + ": too short for a segment"});
  }
  if (const auto mapped = out->Map(bytes); !mapped) {
    return std::unexpected(mapped.error());
  }
  SegmentHeader header;
  std::memcpy(&header, out->base_, sizeof(header));
  if (!IsSound(header, first)) {
    out->is_header_sound_ = false;
  } else if (header.version != SegmentHeader{}.version) {
    return std::unexpected(SegmentError{
        EPROTO,
        fmt::format("{}: needed version {} of the journal, found {}; run the release that wrote "
                    "it, or move the journal away",
                    path,
                    SegmentHeader{}.version,
                    header.version)});
  }
  return out;
}

Segment::~Segment() {
  if (base_ != nullptr) {
    page_shield::Unguard(shield_);
    ::munmap(base_, bytes_);
  }
  ::close(descriptor_);
}

std::expected<void, SegmentError> Segment::Map(std::uint64_t bytes) {
  void* const base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (base == MAP_FAILED) {
    return Fail(errno, path_, "map");
  }
  base_ = static_cast<std::byte*>(base);
  bytes_ = bytes;
  shield_ = page_shield::Guard(base_, bytes_, descriptor_, &lost_pages_);
  return {};
}

bool Segment::IsInPlace() const noexcept {
  struct stat ours{};
  struct stat named{};
  return ::fstat(descriptor_, &ours) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         named.st_ino == ours.st_ino && named.st_dev == ours.st_dev;
}

void Segment::WriteHeader() noexcept {
  SegmentHeader header;
  header.first = first_;
  header.crc = CrcOfHeader(header);
  std::memcpy(base_, &header, sizeof(header));
}

void Segment::Unlink() const noexcept {
  ::unlink(path_.c_str());
}

int Segment::Rename(const std::string& path) {
  if (::rename(path_.c_str(), path.c_str()) != 0) {
    return errno;
  }
  path_ = path;
  return 0;
}

void Segment::Remove() noexcept {
  Unlink();
  removed_.store(true, std::memory_order_relaxed);
}

void Segment::Put(const DeliveryRecord& record) const noexcept {
  DeliveryRecord& place = records()[record.sequence - first_];
  DeliveryRecord unnumbered = record;
  unnumbered.sequence = 0;
  place = unnumbered;
  std::atomic_ref(place.sequence).store(record.sequence, std::memory_order_release);
}

bool Segment::IsReadable(std::span<const DeliveryRecord> records) const {
  constexpr std::uintptr_t kPage = 4096;
  const auto begin = reinterpret_cast<std::uintptr_t>(records.data()) / kPage * kPage;
  const auto end = reinterpret_cast<std::uintptr_t>(records.data() + records.size());
  void* const first = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
  std::vector<unsigned char> pages((end - begin + kPage - 1) / kPage);
  if (::mincore(first, end - begin, pages.data()) != 0) {
    return true;  // it cannot be known
  }
  const bool is_readable =
      std::ranges::all_of(pages, [](unsigned char page) { return (page & 1U) != 0; });
  if (!is_readable) {
    ::madvise(first, end - begin, MADV_WILLNEED);
  }
  return is_readable;
}

void Segment::Touch(std::uint64_t sequence) const noexcept {
  std::atomic_ref crc(records()[sequence - first_].crc);
  crc.store(crc.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

void Segment::MarkGiven(std::uint64_t sequence) const noexcept {
  SetMark(sequence, header().given, header().given_check);
}

std::uint64_t Segment::given() const noexcept {
  return is_header_sound_ ? MarkOf(header().given, header().given_check) : 0;
}

void Segment::MarkInMemory(std::uint64_t sequence) const noexcept {
  SetMark(sequence, header().in_memory, header().in_memory_check);
}

std::uint64_t Segment::marked_in_memory() const noexcept {
  return is_header_sound_ ? MarkOf(header().in_memory, header().in_memory_check) : 0;
}

std::uint64_t Segment::GivenInStump(const std::string& path, std::uint64_t first) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  SegmentHeader header;
  const bool is_whole = ::pread(descriptor, &header, sizeof(header), 0) == sizeof(header);
  ::close(descriptor);
  return is_whole && IsSound(header, first) ? MarkOf(header.given, header.given_check) : 0;
}

SegmentScan Scan(const Segment& segment) {
  SegmentScan out;
  const auto records = segment.records();
  const std::uint64_t given =
      std::clamp(segment.given() + 1, segment.first(), segment.end()) - segment.first();
  std::uint64_t sound_upto = 0;
  const auto add_bad = [&](std::uint64_t upto) {
    if (sound_upto < upto) {
      out.bad.push_back({segment.first() + sound_upto, segment.first() + upto - 1});
    }
  };
  for (std::uint64_t place = 0; place < records.size(); ++place) {
    const DeliveryRecord& record = records[place];
    const std::uint64_t sequence = segment.first() + place;
    if (record.sequence == sequence && record.crc == SealOf(record)) {
      add_bad(place);
      ++out.good;
      sound_upto = place + 1;
      out.upto = place + 1;
      out.unfinished = 0;
    } else if (place < given || record.sequence != 0) {
      // Its number is written last: what has one was finished once, and may have been told.
      out.upto = place + 1;
      out.unfinished = 0;
    } else {
      out.unfinished += IsZero(record) ? 0 : 1;
    }
  }
  add_bad(out.upto);
  return out;
}

namespace {

template <typename Seal>
[[gnu::always_inline]] inline std::size_t CountSealed(std::span<const DeliveryRecord> records,
                                                      std::uint64_t sequence,
                                                      Seal seal) noexcept {
  std::size_t out = 0;
  while (out != records.size() && records[out].sequence == sequence + out &&
         records[out].crc == seal(records[out])) {
    ++out;
  }
  return out;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::size_t CountByInstruction(
    std::span<const DeliveryRecord> records, std::uint64_t sequence) noexcept {
  return CountSealed(records, sequence, crc::SealByInstruction);
}
#endif

}  // namespace

// A loop of its own for the instruction: the seal of each record is inlined there only.
std::size_t CountSound(std::span<const DeliveryRecord> records, std::uint64_t sequence) noexcept {
#if defined(__x86_64__)
  if (crc::HasInstruction()) {
    return CountByInstruction(records, sequence);
  }
#endif
  return CountSealed(records, sequence, SealOf);
}

}  // namespace flatline
