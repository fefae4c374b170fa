#include "dataplane/dpdk/device_string.h"

#include <gtest/gtest.h>

namespace flatline::dpdk {
namespace {

TEST(DeviceStringTest, TakesPciAddressesInBothForms) {
  for (const auto* text : {"0000:3b:00.0", "3b:00.0"}) {
    const auto device = DeviceString::Parse(text);
    ASSERT_TRUE(device) << text;
    EXPECT_TRUE(device->is_pci);
    EXPECT_EQ(device->name, "0000:3b:00.0");
  }
  const auto with_arguments = DeviceString::Parse("0000:3b:00.1,mprq_en=1");
  ASSERT_TRUE(with_arguments);
  EXPECT_EQ(with_arguments->Text(), "0000:3b:00.1,mprq_en=1");
}

TEST(DeviceStringTest, TakesVirtualDevicesApartAndPutsThemTogetherAgain) {
  constexpr auto kText = "net_memif12,role=server,id=0,socket=/run/a.sock,zero-copy";
  const auto device = DeviceString::Parse(kText);
  ASSERT_TRUE(device);
  EXPECT_FALSE(device->is_pci);
  EXPECT_EQ(device->Argument("role"), "server");
  EXPECT_EQ(device->Argument("zero-copy"), "");
  EXPECT_EQ(device->Argument("rol"), std::nullopt);
  EXPECT_EQ(device->Text(), kText);
}

TEST(DeviceStringTest, ADriverIsItsWholeName) {
  EXPECT_TRUE(DeviceString::Parse("net_af_xdp0,iface=a")->IsDriver("net_af_xdp"));
  EXPECT_TRUE(DeviceString::Parse("net_af_xdp,iface=a")->IsDriver("net_af_xdp"));
  EXPECT_FALSE(DeviceString::Parse("net_af_packet0,iface=a")->IsDriver("net_af_p"));
  EXPECT_FALSE(DeviceString::Parse("3b:00.0")->IsDriver(""));
}

TEST(DeviceStringTest, SettingAnArgumentLeavesOneOfIt) {
  auto device = DeviceString::Parse("net_memif0,socket=/a,id=1,socket=/b");
  ASSERT_TRUE(device);
  device->SetArgument("socket", "/c");
  device->SetArgument("socket-abstract", "no");
  EXPECT_EQ(device->Text(), "net_memif0,socket=/c,id=1,socket-abstract=no");
}

TEST(DeviceStringTest, AKernelInterfaceGetsAHintInstead) {
  for (const auto* text : {"eth0", "", "3b:00", "zz:00.0", "0000:3b:00.0x"}) {
    const auto device = DeviceString::Parse(text);
    ASSERT_FALSE(device) << text;
    EXPECT_NE(device.error().find("net_af_packet0,iface="), std::string::npos);
  }
}

}  // namespace
}  // namespace flatline::dpdk
