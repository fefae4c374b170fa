// A region is a hostile file until ValidateRegion has passed: each way of being unsound, by name.
#include <flatline/region.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace flatline {
namespace {

struct Sound {
  std::unique_ptr<RegionHeader> header = std::make_unique<RegionHeader>();
  std::uint64_t file_bytes = 0;
};

Sound MakeSound() {
  Sound out;
  out.header->magic = kRegionMagic;
  out.header->version = kRegionVersion;
  out.header->shape.workers = 2;
  out.header->shape.slots_per_worker = 4 * kBlockSlots;
  out.header->bytes = RegionLayout::Of(out.header->shape).bytes;
  out.header->state.store(RegionState::kLive);
  out.file_bytes = out.header->bytes;
  return out;
}

TEST(ValidateRegion, TakesASoundRegionAndGivesItsShape) {
  const Sound sound = MakeSound();
  const auto shape = ValidateRegion(*sound.header, sound.file_bytes, "r");
  ASSERT_TRUE(shape.has_value()) << shape.error();
  EXPECT_EQ(*shape, sound.header->shape);
}

TEST(ValidateRegion, TakesAStoppedRegion) {
  const Sound sound = MakeSound();
  sound.header->state.store(RegionState::kStopped);
  EXPECT_TRUE(ValidateRegion(*sound.header, sound.file_bytes, "r").has_value());
}

struct Fault {
  const char* sentence;
  std::function<void(Sound&)> inflict;
  const char* mentions;
};

class UnsoundRegion : public testing::TestWithParam<Fault> {};

TEST_P(UnsoundRegion, IsRefusedInOneLine) {
  Sound region = MakeSound();
  GetParam().inflict(region);
  const auto shape = ValidateRegion(*region.header, region.file_bytes, "/dev/shm/r");
  ASSERT_FALSE(shape.has_value()) << GetParam().sentence;
  EXPECT_NE(shape.error().find(GetParam().mentions), std::string::npos) << shape.error();
  EXPECT_EQ(shape.error().find("/dev/shm/r: needed "), 0U) << shape.error();
  EXPECT_NE(shape.error().find("; "), std::string::npos) << "says what to do: " << shape.error();
  EXPECT_EQ(shape.error().find('\n'), std::string::npos) << shape.error();
}

// Sets the shape and makes the byte counts agree with it, so that the shape alone is at fault.
std::function<void(Sound&)> Shape(const std::function<void(RegionShape&)>& change) {
  return [change](Sound& region) {
    change(region.header->shape);
    region.header->bytes = RegionLayout::Of(region.header->shape).bytes;
    region.file_bytes = region.header->bytes;
  };
}

INSTANTIATE_TEST_SUITE_P(
    Faults,
    UnsoundRegion,
    testing::Values(
        Fault{"an empty file", [](Sound& r) { r.file_bytes = 0; }, "0 bytes"},
        Fault{"a file shorter than the header",
              [](Sound& r) { r.file_bytes = sizeof(RegionHeader) - 1; },
              "bytes"},
        Fault{"another kind of file", [](Sound& r) { r.header->magic ^= 1; }, "another kind"},
        Fault{"another version",
              [](Sound& r) { r.header->version = kRegionVersion + 1; },
              "version 5"},
        Fault{"a format that was interrupted",
              [](Sound& r) { r.header->state.store(RegionState::kFormatting); },
              "formatted"},
        Fault{"a state that does not exist",
              [](Sound& r) { r.header->state.store(static_cast<RegionState>(9)); },
              "formatted"},
        Fault{"no workers", Shape([](RegionShape& s) { s.workers = 0; }), "0 workers"},
        Fault{"too many workers",
              Shape([](RegionShape& s) { s.workers = kMaxWorkers + 1; }),
              "33 workers"},
        Fault{"no slots", Shape([](RegionShape& s) { s.slots_per_worker = 0; }), "0 slots"},
        Fault{"slots that do not fill blocks",
              Shape([](RegionShape& s) { s.slots_per_worker = kBlockSlots + 1; }),
              "65 slots"},
        Fault{"more slots than handles can name",
              Shape([](RegionShape& s) {
                s.workers = kMaxWorkers;
                s.slots_per_worker = 0xFFFFFFC0U;
              }),
              "slots"},
        Fault{"a transition ring that is no power of two",
              Shape([](RegionShape& s) { s.transition_capacity = 1000; }),
              "1000"},
        Fault{"a command ring without entries",
              Shape([](RegionShape& s) { s.command_capacity = 0; }),
              " 0 entries"},
        Fault{
            "pages that do not exist", Shape([](RegionShape& s) { s.page = 8192; }), "8192 bytes"},
        Fault{"a file that was cut", [](Sound& r) { r.file_bytes -= 4096; }, "bytes"},
        Fault{"a file that grew", [](Sound& r) { r.file_bytes += 4096; }, "bytes"},
        Fault{"a header that lies about its bytes",
              [](Sound& r) { r.header->bytes += 4096; },
              "bytes"}));

}  // namespace
}  // namespace flatline
