#include "control/segment.h"

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

std::uint32_t CrcOfHeader(const SegmentHeader& header) {
  return Crc32c(std::as_bytes(std::span{&header, 1}).first<offsetof(SegmentHeader, crc)>());
}

bool IsZero(const DeliveryRecord& record) {
  static constexpr std::array<std::byte, sizeof(DeliveryRecord)> kZero{};
  return std::memcmp(&record, kZero.data(), kZero.size()) == 0;
}

}  // namespace

std::string Segment::PathOf(const std::string& directory, std::uint64_t first) {
  return fmt::format("{}/{:020}.journal", directory, first);
}

std::expected<std::shared_ptr<Segment>, SegmentError> Segment::Create(const std::string& path,
                                                                      std::uint64_t first,
                                                                      std::uint64_t bytes,
                                                                      const Allocate& allocate) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return Fail(errno, path, "create");
  }
  std::shared_ptr<Segment> out(new Segment(path, first, descriptor));
  const int number = allocate ? allocate(descriptor, bytes)
                              : ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  if (number != 0) {
    out->Remove();
    return Fail(number, path, fmt::format("take {} bytes", bytes));
  }
  if (const auto mapped = out->Map(bytes); !mapped) {
    out->Remove();
    return std::unexpected(mapped.error());
  }
  out->WriteHeader();
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
  if (bytes < 2 * sizeof(DeliveryRecord)) {
    return std::unexpected(SegmentError{EINVAL, path + ": too short for a segment"});
  }
  if (const auto mapped = out->Map(bytes); !mapped) {
    return std::unexpected(mapped.error());
  }
  SegmentHeader header;
  std::memcpy(&header, out->base_, sizeof(header));
  if (header.crc != CrcOfHeader(header) || header.magic != SegmentHeader{}.magic ||
      header.first != first) {
    out->header_repaired_ = true;
    out->WriteHeader();
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
  return {};
}

void Segment::WriteHeader() noexcept {
  SegmentHeader header;
  header.first = first_;
  header.crc = CrcOfHeader(header);
  std::memcpy(base_, &header, sizeof(header));
}

void Segment::Remove() noexcept {
  ::unlink(path_.c_str());
  removed_.store(true, std::memory_order_relaxed);
}

SegmentScan Scan(const Segment& segment) {
  SegmentScan out;
  std::uint64_t sequence = segment.first();
  for (const DeliveryRecord& record : segment.records()) {
    if (record.sequence == sequence && record.crc == SealOf(record)) {
      if (const std::uint64_t expected = segment.first() + out.good; expected != sequence) {
        out.bad.push_back({expected, sequence - 1});
      }
      out.good = sequence - segment.first() + 1;
      out.rubbish = 0;
    } else {
      out.rubbish += IsZero(record) ? 0 : 1;
    }
    ++sequence;
  }
  return out;
}

}  // namespace flatline
