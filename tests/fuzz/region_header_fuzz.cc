// Any bytes as the header of a region: refused with one line, or a shape whose sections follow each
// other inside a file of the size that was stated. The first eight bytes are the file's size, or 0
// for the size that the shape asks for.
#include <flatline/check.h>
#include <flatline/region.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

namespace flatline {
namespace {

void CheckShape(const RegionShape& shape, std::uint64_t file_bytes) {
  const RegionLayout layout = RegionLayout::Of(shape);
  FLATLINE_CHECK(layout.bytes == file_bytes);
  FLATLINE_CHECK(sizeof(RegionHeader) <= layout.control && layout.control < layout.commands);
  FLATLINE_CHECK(layout.commands < layout.dataplane && layout.dataplane < layout.results);
  FLATLINE_CHECK(layout.results < layout.transitions && layout.transitions < layout.records);
  FLATLINE_CHECK(layout.records < layout.groups && layout.groups < layout.addresses);
  FLATLINE_CHECK(layout.addresses + shape.slots() * sizeof(SourceAddress) <= layout.bytes);
}

// A header whose first bytes are these, as a mapped file would show it.
class Mapped {
 public:
  Mapped(const std::uint8_t* data, std::size_t size) {
    std::memcpy(bytes_, data, std::min(size, sizeof bytes_));
  }

  RegionHeader& header() { return *std::launder(reinterpret_cast<RegionHeader*>(bytes_)); }

 private:
  alignas(RegionHeader) std::byte bytes_[sizeof(RegionHeader)]{};
};

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  std::uint64_t file_bytes = 0;
  if (size < sizeof file_bytes) {
    return 0;
  }
  std::memcpy(&file_bytes, data, sizeof file_bytes);
  Mapped mapped{data + sizeof file_bytes, size - sizeof file_bytes};
  if (file_bytes == 0 && region::FaultIn(mapped.header().shape).empty()) {
    file_bytes = RegionLayout::Of(mapped.header().shape).bytes;
    mapped.header().bytes = file_bytes;
  }
  const auto shape = ValidateRegion(mapped.header(), file_bytes, "fuzz");
  if (shape) {
    CheckShape(*shape, file_bytes);
  } else {
    FLATLINE_CHECK(shape.error().starts_with("fuzz: needed "));
    FLATLINE_CHECK(shape.error().find('\n') == std::string::npos);
  }
  return 0;
}
