// What a record costs in the journal: to append, to check when the journal is opened, to look
// at before it is sent, to pick out for a subscriber with a filter.
#include "control/delivery/publisher.h"
#include "control/journal/journal.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

namespace flatline {
namespace {

constexpr std::size_t kBatch = 4096;
constexpr std::uint64_t kSegment = (std::uint64_t{16} << 20) / sizeof(DeliveryRecord) - 1;

std::vector<DeliveryRecord> MakeBatch() {
  std::vector<DeliveryRecord> out;
  for (std::size_t i = 0; i < kBatch; ++i) {
    out.push_back(RecordFor(i + 1));
    out.back().group = static_cast<Group>(i % 16);
  }
  return out;
}

void AppendRecords(benchmark::State& state) {
  JournalInADirectory place(kSegment, 4);
  const auto journal = place.Open();
  auto batch = MakeBatch();
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    benchmark::DoNotOptimize(journal->Append(batch, Instant{}));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

void RecoverRecords(benchmark::State& state) {
  JournalInADirectory place(kSegment, 4);
  auto batch = MakeBatch();
  constexpr std::int64_t kBatches = 200;
  {
    const auto journal = place.Open();
    for (std::int64_t i = 0; i < kBatches; ++i) {
      benchmark::DoNotOptimize(journal->Append(batch, Instant{}));
    }
  }
  std::uint64_t records = 0;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    const auto journal = place.Open();
    records = journal->newest() + 1 - journal->oldest();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(records));
}

// One group of sixteen.
void FilterRecords(benchmark::State& state) {
  JournalInADirectory place(kSegment, 4);
  const auto journal = place.Open();
  auto batch = MakeBatch();
  for (int i = 0; i < 50; ++i) {
    benchmark::DoNotOptimize(journal->Append(batch, Instant{}));
  }
  const Trail trail;
  Publisher publisher(journal->readable(), trail, {});
  Request request;
  request.header.kind = RequestKind::kSubscribeFrom;
  request.groups = {7};
  std::int64_t scanned = 0;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    Subscriber subscriber;
    benchmark::DoNotOptimize(publisher.Begin(subscriber, request, nullptr, {}, {}));
    while (subscriber.cursor != journal->newest()) {
      benchmark::DoNotOptimize(publisher.Next(subscriber, {}, {}));
    }
    scanned += static_cast<std::int64_t>(journal->newest());
  }
  state.SetItemsProcessed(scanned);
}

// Everything, as it lies: what is left of it is that each record is looked at before it is sent.
void LookAtRecords(benchmark::State& state) {
  JournalInADirectory place(kSegment, 4);
  const auto journal = place.Open();
  auto batch = MakeBatch();
  for (int i = 0; i < 50; ++i) {
    benchmark::DoNotOptimize(journal->Append(batch, Instant{}));
  }
  const Trail trail;
  Publisher publisher(journal->readable(), trail, {});
  Request request;
  request.header.kind = RequestKind::kSubscribeFrom;
  request.header.sequence = journal->newest() - 4 * kBatch;
  std::vector<Subscriber> subscribers(static_cast<std::size_t>(state.range(0)));
  for (Subscriber& subscriber : subscribers) {
    benchmark::DoNotOptimize(publisher.Begin(subscriber, request, nullptr, {}, {}));
  }
  std::int64_t sent = 0;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    publisher.Follow({});
    for (Subscriber& subscriber : subscribers) {
      subscriber.cursor = request.header.sequence;
      while (subscriber.cursor != journal->newest()) {
        benchmark::DoNotOptimize(publisher.Next(subscriber, {}, {}));
      }
      sent += static_cast<std::int64_t>(journal->newest() - request.header.sequence);
    }
  }
  state.SetItemsProcessed(sent);
}

BENCHMARK(AppendRecords);
BENCHMARK(LookAtRecords)->Arg(1)->Arg(100);
BENCHMARK(RecoverRecords)->Unit(benchmark::kMillisecond);
BENCHMARK(FilterRecords)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace flatline
