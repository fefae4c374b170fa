// One journal writer and several outlets on threads of their own, under ThreadSanitizer: the
// journal rolls and gives up its oldest segments while it is being read. Every reader hears every
// record in order, or of a gap, and is woken whenever it sleeps.
#include "control/delivery/outlet.h"
#include "control/service.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};
constexpr std::uint64_t kRecords = 60'000;

// Takes all that its session has, and looks at each record.
class Witness final : public Carrier {
 public:
  Witness(Outlet& outlet, bool filters) : session_(&outlet.Open(Session::Origin::kTcp, Instant{})) {
    session_->CarryBy(*this);
    DeliveryRequest request;
    request.kind = RequestKind::kSubscribeFrom;
    request.count = filters ? 1 : 0;
    Say(request);
    if (filters) {
      Say(Group{0});
    }
    Attend();
  }

  void Attend() override {
    while (!session_->ready().empty()) {
      const auto bytes = session_->ready();
      for (std::size_t at = 0; at < bytes.size(); at += sizeof(DeliveryRecord)) {
        DeliveryRecord record;
        std::memcpy(&record, bytes.data() + at, sizeof(record));
        Take(record);
      }
      session_->Sent(bytes.size(), Instant{});
    }
  }

  std::uint64_t last = 0;
  std::uint64_t faults = 0;

 private:
  void Take(const DeliveryRecord& record) {
    faults += record.crc != SealOf(record) ? 1 : 0;
    if (record.kind == RecordKind::kGap) {
      faults += static_cast<std::uint64_t>(record.silence_ns) != last ? 1 : 0;
      last = record.sequence;
    } else if (record.kind == RecordKind::kLiveness) {
      faults += record.sequence != last + 1 || record.endpoint != record.sequence ? 1 : 0;
      last = record.sequence;
    }
  }

  template <typename T>
  void Say(const T& value) {
    session_->Receive(std::as_bytes(std::span{&value, 1}), Instant{}, kWall);
  }

  Session* session_;
};

void Publish(Service& service, std::atomic<int>& ready, std::atomic<std::uint64_t>& faults) {
  std::atomic<std::uint64_t> wakes{0};
  const auto bell = std::make_shared<Bell>([&] {
    wakes.fetch_add(1);
    wakes.notify_one();
  });
  {
    Outlet outlet(service, [](const std::function<void()>& task) { task(); }, bell);
    Witness all(outlet, false);
    Witness filtered(outlet, true);
    ready.fetch_add(1);
    while (all.last < kRecords || filtered.last < kRecords) {
      outlet.Turn(Instant{}, kWall);
      const std::uint64_t seen = wakes.load();
      bell->LieDown();
      if (!outlet.has_work() && (all.last < kRecords || filtered.last < kRecords)) {
        wakes.wait(seen);  // a bell that does not ring hangs the test
      }
      bell->GetUp();
    }
    faults.fetch_add(all.faults + filtered.faults);
  }
}

TEST(Publishing, EveryThreadHearsTheJournalWhileItRolls) {
  JournalInADirectory place(511, 4);
  Service service({.bookmark = Duration{1'000'000'000}, .subscribers = 100, .first_serial = 1},
                  place.Open());
  std::atomic<int> ready{0};
  std::atomic<std::uint64_t> faults{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { Publish(service, ready, faults); });
  }
  while (ready.load() < 3) {
    std::this_thread::yield();
  }
  for (std::uint64_t written = 0; written < kRecords;) {
    std::vector<DeliveryRecord> records(
        std::min<std::uint64_t>(written % 97 + 1, kRecords - written));
    for (DeliveryRecord& record : records) {
      record = RecordFor(++written);
    }
    ASSERT_EQ(service.journal().Append(records, Instant{}), records.size());
    service.journal().Housekeep(Instant{});
    service.RingBells();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(faults.load(), 0U);
}

}  // namespace
}  // namespace flatline
