#include "dataplane/dpdk/eal.h"

#include <algorithm>
#include <fmt/ranges.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::dpdk {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::uint64_t kMebibyte = 1U << 20;

Config Plain() {
  Config config;
  config.instance = "plan";
  return config;
}

HostMemory Host(std::uint64_t free_mebibytes) {
  return {.hugetlbfs = "/dev/hugepages",
          .page = 2 * kMebibyte,
          .free = free_mebibytes * kMebibyte,
          .cpus = "0,1"};
}

std::vector<std::string> Planned(const Config& config,
                                 const std::vector<std::string>& devices,
                                 const HostMemory& host,
                                 const std::vector<std::string>& extra = {}) {
  const auto plan = PlanEal(config, devices, host, extra);
  return plan ? plan->arguments : std::vector<std::string>{plan.error()};
}

TEST(EalPlanTest, TakesNoPciDeviceThatIsNotNamed) {
  const auto virtual_only = Planned(Plain(), {"net_null0"}, Host(0));
  EXPECT_THAT(virtual_only, Contains("--no-pci"));
  EXPECT_THAT(virtual_only, Contains("--vdev=net_null0"));
  const auto with_pci = Planned(Plain(), {"3b:00.0", "net_null0"}, Host(0));
  EXPECT_THAT(with_pci, Contains("--allow=0000:3b:00.0"));
  EXPECT_THAT(with_pci, Not(Contains("--no-pci")));
}

TEST(EalPlanTest, UsesHugepagesWhereEnoughAreFree) {
  const auto enough = PlanEal(Plain(), {}, Host(256), {});
  ASSERT_TRUE(enough);
  EXPECT_TRUE(enough->hugepages);
  EXPECT_THAT(enough->arguments, Contains("--huge-dir=/dev/hugepages"));
  EXPECT_THAT(enough->arguments, Contains("-m256"));
  const auto short_by_one = PlanEal(Plain(), {}, Host(255), {});
  ASSERT_TRUE(short_by_one);
  EXPECT_FALSE(short_by_one->hugepages);
  EXPECT_THAT(short_by_one->arguments, Contains("--no-huge"));
  EXPECT_THAT(short_by_one->arguments, Contains("--no-shconf"));
}

TEST(EalPlanTest, HugepagesRequiredAndShortIsAnErrorThatCounts) {
  Config config = Plain();
  config.dataplane.hugepages = HugepageMode::kRequired;
  const auto plan = PlanEal(config, {}, Host(12), {});
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error(), HasSubstr("needed 256 MiB"));
  EXPECT_THAT(plan.error(), HasSubstr("found 12 MiB"));
  HostMemory none;
  none.cpus = "0";
  EXPECT_THAT(PlanEal(config, {}, none, {}).error(), HasSubstr("run setup"));
}

TEST(EalPlanTest, HugepagesOffAreLeftAlone) {
  Config config = Plain();
  config.dataplane.hugepages = HugepageMode::kOff;
  EXPECT_THAT(Planned(config, {}, Host(4096)), Contains("--no-huge"));
}

TEST(EalPlanTest, MemoryThatAPeerWritesToIsInOneFile) {
  const std::vector<std::string> shared{"net_memif0,role=client,id=0,zero-copy=yes"};
  const std::vector<std::string> copied{"net_memif0,role=client,id=0,zero-copy=no"};
  EXPECT_THAT(Planned(Plain(), shared, Host(256)), Contains("--single-file-segments"));
  EXPECT_THAT(Planned(Plain(), copied, Host(256)), Not(Contains("--single-file-segments")));
  // EAL takes it on huge pages alone
  EXPECT_THAT(Planned(Plain(), shared, Host(0)), Not(Contains("--single-file-segments")));
}

TEST(EalPlanTest, EachWorkerHasAnLcoreAndItsOwnCoreIfGiven) {
  Config config = Plain();
  config.dataplane.workers = 2;
  EXPECT_THAT(Planned(config, {}, Host(0)), Contains("--lcores=0@(0,1),1@(0,1),2@(0,1)"));
  config.dataplane.cores = {5, 3};
  EXPECT_THAT(Planned(config, {}, Host(0)), Contains("--lcores=0@(0,1),1@5,2@3"));
}

TEST(EalPlanTest, WhatTheMachineHasNotIsSaidBeforeEalIsAsked) {
  Config config = Plain();
  config.dataplane.cores = {1, 2};
  HostMemory host = Host(0);
  host.processors = 2;
  EXPECT_THAT(PlanEal(config, {}, host, {}).error(), HasSubstr("below 2, found 2"));
  config.dataplane.cores.clear();
  host.available = 255 * kMebibyte;
  EXPECT_THAT(PlanEal(config, {}, host, {}).error(),
              HasSubstr("needed 256 MiB for DPDK's buffers, found 255 MiB available"));
  host.free = 256 * kMebibyte;
  EXPECT_TRUE(PlanEal(config, {}, host, {})) << "huge pages have been taken already";
}

TEST(EalPlanTest, WhatFollowsTheDashesReplacesOursAndComesLast) {
  const auto cores = Planned(Plain(), {}, Host(0), {"-l", "4-6"});
  EXPECT_THAT(cores, Not(Contains(StartsWith("--lcores"))));
  EXPECT_THAT(cores, Not(Contains(StartsWith("--main-lcore"))));
  EXPECT_EQ(cores.back(), "4-6");
  const auto memory = Planned(Plain(), {}, Host(0), {"--in-memory"});
  EXPECT_THAT(memory, Not(Contains("--no-huge")));
  EXPECT_THAT(Planned(Plain(), {}, Host(0), {"-m512"}), Not(Contains("-m256")));
  EXPECT_THAT(Planned(Plain(), {}, Host(0), {"--file-prefix=x"}),
              Not(Contains("--file-prefix=plan")));
  EXPECT_THAT(Planned(Plain(), {}, Host(0), {"-a", "0000:01:00.0"}), Not(Contains("--no-pci")));
  EXPECT_THAT(Planned(Plain(), {}, Host(0), {"--log-level=8"}),
              Not(Contains("--log-level=*:warning")));
}

TEST(EalPlanTest, AnOptionThatOnlyBeginsAlikeSettlesNothing) {
  EXPECT_THAT(Planned(Plain(), {}, Host(0), {"--main-lcore-of-someone"}),
              Contains("--main-lcore=0"));
}

TEST(EalPlanTest, ABadDeviceIsSaid) {
  EXPECT_THAT(Planned(Plain(), {"eth0"}, Host(0)).front(), HasSubstr("net_af_packet0,iface=eth0"));
}

}  // namespace
}  // namespace flatline::dpdk
