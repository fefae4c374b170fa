#include "bench/generator/capture_sender.h"
#include "bench/generator/heartbeat_frame.h"
#include "bench/generator/traffic.h"

#include <cstdio>
#include <map>
#include <memory>
#include <pcap/pcap.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kEpoch = 1'700'000'000'000'000'000;

// libpcap reads back what we wrote: every heartbeat of the fleet, in time order, with its stamps.
TEST(CaptureSender, LibpcapReadsItBack) {
  const std::string path =
      testing::TempDir() + "/generator_capture_" + std::to_string(getpid()) + ".pcap";
  Scenario scenario;
  scenario.cohorts = {CohortOfProfile("leader-election").value()};
  scenario.cohorts[0].endpoints = 50;
  scenario.run_for = seconds(1);
  const Fleet fleet = MakeFleet(scenario);
  TrafficOptions options;
  options.epoch_ns = kEpoch;
  options.addresses = ParseFrameAddresses("10.0.0.0/8", "10.255.0.1").value();
  {
    auto sender = CaptureSender::Create(path, kEpoch);
    ASSERT_TRUE(sender) << sender.error();
    Truth truth(fleet);
    Traffic traffic(fleet, scenario, options);
    for (Elapsed now{0}; now < scenario.run_for; now += kTick) {
      while (traffic.Step(now, **sender, truth)) {
      }
    }
    EXPECT_GT(traffic.counts().sent, 450U);
    ASSERT_TRUE((*sender)->Close());
  }
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> capture(
      pcap_open_offline_with_tstamp_precision(
          path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error.data()),
      &pcap_close);
  ASSERT_TRUE(capture) << error.data();
  EXPECT_EQ(pcap_datalink(capture.get()), DLT_EN10MB);
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  std::map<EndpointId, std::uint32_t> sequences;
  std::int64_t last = kEpoch;
  while (pcap_next_ex(capture.get(), &header, &data) == 1) {
    ASSERT_EQ(header->caplen, header->len);
    const std::int64_t at = header->ts.tv_sec * 1'000'000'000 + header->ts.tv_usec;
    EXPECT_GE(at, last);
    EXPECT_LT(at, kEpoch + 1'000'000'000);
    last = at;
    const auto heartbeat = DecodeHeartbeat(
        {reinterpret_cast<const std::byte*>(data) + 42, header->caplen - std::size_t{42}});
    ASSERT_TRUE(heartbeat);
    EXPECT_EQ(heartbeat->sequence, ++sequences[heartbeat->id]);
    EXPECT_EQ(heartbeat->sent_ns, static_cast<std::uint64_t>(at));
  }
  EXPECT_EQ(sequences.size(), fleet.size());
  for (const auto& [id, sequence] : sequences) {
    EXPECT_TRUE(fleet.IndexOf(id));
    EXPECT_GE(sequence, 9U);
  }
  std::remove(path.c_str());
}

TEST(CaptureSender, SaysWhereItCannotWrite) {
  const auto nowhere = CaptureSender::Create("/nonexistent/x.pcap", 0);
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().find("/nonexistent/x.pcap"), std::string::npos);
}

TEST(CaptureSender, AFullDiskIsNotPassedOver) {
  auto sender = CaptureSender::Create("/dev/full", 0);
  ASSERT_TRUE(sender) << sender.error();
  const FrameTemplate frame(std::nullopt, 1);
  for (int i = 0; i < 1000; ++i) {
    const auto rooms = (*sender)->Claim(kBatch);
    for (std::byte* room : rooms) {
      frame.Write(room, {.id = 1});
    }
    static_cast<void>((*sender)->Send(kBatch, frame.length(), milliseconds(i)));
  }
  EXPECT_FALSE((*sender)->Close());
}

}  // namespace
}  // namespace flatline::generator
