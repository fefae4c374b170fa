// The connection behind a Client: made and made anew, its bytes taken in as records, its records
// handed out by the rules of StreamPosition, and, where the subscriber has a threshold of its own,
// of HeldSuspicions. Private to the client library; single-threaded. Blocks in Step alone, no
// longer than it is told to. Cost: one buffer of 256 KiB.
//
//   kWaiting --back-off over--> kConnecting --connected--> kOpen     any of them --break-->
//   kWaiting
#pragma once

#include "control/client/back_off.h"
#include "control/client/held_suspicions.h"
#include "control/client/line.h"
#include "control/client/stream_position.h"

#include <flatline/client.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace flatline {

// Longer nobody is made to wait at a time.
inline constexpr Duration kLongestPoll{86'400'000'000'000};

// By the clock that does not jump.
[[nodiscard]] Instant ClientNow();

struct Client::Connection {
  enum class State : std::uint8_t { kWaiting, kConnecting, kOpen };

  explicit Connection(Subscription wanted);

  // One step towards records: to be called until something was handed out or time is up.
  std::size_t Step(Duration left, const OnRecords& on_records);

  Subscription subscription;
  StreamPosition position;
  BackOff back_off;
  Line line;
  State state = State::kWaiting;
  Instant attempt_ends{};
  std::vector<std::byte> request;  // what of it has not been sent yet
  std::vector<DeliveryRecord> buffer;
  std::size_t received = 0;  // bytes in `buffer`
  std::uint64_t connections = 0;
  unsigned strangers = 0;
  bool is_known = false;           // flatline has answered, on some connection
  Instant heard_at{};              // anything at all
  Instant acknowledge_at{};        // at the latest
  std::uint64_t acknowledged = 0;  // and on this connection
  std::uint64_t taken = 0;         // where the subscriber says himself what he has dealt with
  std::string hopeless;            // what no further call will mend; empty: nothing is
  std::string refusal;             // what one may; empty: nothing, or we are taken in

  std::optional<HeldSuspicions> held;  // where the subscriber has a threshold of its own

  // Said at once, where it is time to: the subscriber may be busy, and not poll for long.
  void Acknowledge(std::uint64_t sequence);

  // How much of what came is accounted for.
  [[nodiscard]] std::uint64_t Accountable(std::uint64_t sequence) const noexcept {
    return held ? held->Accountable(sequence) : sequence;
  }

  // Until a suspicion that is held back may be told; nothing: until something comes.
  [[nodiscard]] std::optional<Instant> due() const noexcept;

 private:
  using Verdict = StreamPosition::Verdict;

  void Begin();
  void Arrive(Duration left);
  std::size_t Exchange(Duration left, const OnRecords& on_records);
  std::size_t Receive(const OnRecords& on_records);
  [[nodiscard]] std::size_t CountWhole() const;
  std::size_t HandOut(const OnRecords& on_records);
  std::size_t Tell(std::span<const DeliveryRecord> run,
                   const StreamPosition& behind,
                   const OnRecords& on_records);
  std::size_t TellDue(Instant now, const OnRecords& on_records);
  void CallBack(std::span<const DeliveryRecord> records, const OnRecords& on_records);
  Verdict Judge(const DeliveryRecord& record, StreamPosition& after);
  void Stop(Verdict verdict, const DeliveryRecord& record);
  void Stop(const Line::Fault& fault);
  void Break();
  void Acknowledge(Instant now);
  void MakeRequest();
  bool Send();
};

}  // namespace flatline
