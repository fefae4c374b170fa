#include "control/client/connection.h"

#include <flatline/crc32c.h>
#include <flatline/suspicion_record.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <poll.h>
#include <random>
#include <system_error>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kBufferRecords = (std::size_t{256} << 10) / sizeof(DeliveryRecord);
constexpr Duration kConnectTime{10'000'000'000};
constexpr Duration kAcknowledgeInterval{100'000'000};
// So many connections in a row on which not even the first record was ours: this is no flatline.
constexpr unsigned kMostStrangers = 3;
// So many bookmarks missed, and a silence that was told of may be over.
constexpr std::int64_t kMostMissed = 2;

int InMilliseconds(Duration duration) {
  const auto up = std::chrono::ceil<std::chrono::milliseconds>(std::max(duration, Duration{}));
  return static_cast<int>(std::min<std::int64_t>(up.count(), std::numeric_limits<int>::max()));
}

// True when any of `events` came to be.
bool WaitFor(int descriptor, std::int16_t events, Duration timeout) {
  pollfd entry{.fd = descriptor, .events = events, .revents = 0};
  return ::poll(&entry, 1, InMilliseconds(timeout)) > 0;
}

}  // namespace

Instant ClientNow() {
  return Instant{
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

Client::Connection::Connection(Subscription wanted)
    : subscription(std::move(wanted)),
      position(subscription),
      back_off(std::random_device{}()),
      buffer(kBufferRecords) {
  const double threshold = subscription.suspicion;
  if (!(threshold >= 0 && threshold <= HeldSuspicions::kMostThreshold)) {
    hopeless = "suspicion: needed a level of 0 to 1000, found " + std::to_string(threshold);
  } else if (threshold > 0 && subscription.summary_ms == 0) {
    held.emplace(threshold);
  }
}

std::size_t Client::Connection::Step(Duration left, const OnRecords& on_records) {
  switch (state) {
    case State::kWaiting: {
      const Duration wait = back_off.until() - ClientNow();
      if (wait > Duration{}) {
        ::poll(nullptr, 0, InMilliseconds(std::min(wait, left)));
      }
      if (back_off.IsOver(ClientNow())) {
        Begin();
      }
      return 0;
    }
    case State::kConnecting:
      Arrive(left);
      return 0;
    case State::kOpen:
      return Exchange(left, on_records);
  }
  return 0;
}

void Client::Connection::Begin() {
  const auto address = ParseSocketAddress(subscription.address);
  if (!address) {
    hopeless = address.error();
    return;
  }
  auto attempt = Line::Begin(*address, subscription.trust);
  if (attempt) {
    line = std::move(*attempt);
    state = State::kConnecting;
    attempt_ends = ClientNow() + kConnectTime;
    return;
  }
  Break();
  const Line::Fault& fault = attempt.error();
  if (fault.is_ours) {
    hopeless = fault.text;
  } else if (fault.error == EACCES || fault.error == EPERM) {
    hopeless = subscription.address + ": needed to connect, found " +
               std::generic_category().message(fault.error) +
               "; run as a member of the socket's group, or as root";
  }
}

void Client::Connection::Arrive(Duration left) {
  if (!WaitFor(line.descriptor(), POLLOUT, left)) {
    if (ClientNow() >= attempt_ends) {
      Break();
    }
    return;
  }
  if (line.ConnectError() != 0) {
    Break();
    return;
  }
  state = State::kOpen;
  heard_at = ClientNow();
  acknowledge_at = heard_at + kAcknowledgeInterval;
  acknowledged = 0;
  ++connections;
  MakeRequest();
}

void Client::Connection::MakeRequest() {
  const DeliveryRequest header = position.Connect();
  const auto header_bytes = std::as_bytes(std::span{&header, 1});
  const auto group_bytes = std::as_bytes(std::span{subscription.groups});
  request.assign(header_bytes.begin(), header_bytes.end());
  request.insert(request.end(), group_bytes.begin(), group_bytes.end());
  const std::string text = TextOf(subscription);
  const auto text_bytes = std::as_bytes(std::span{text});
  request.insert(request.end(), text_bytes.begin(), text_bytes.end());
}

std::size_t Client::Connection::Exchange(Duration left, const OnRecords& on_records) {
  const Instant now = ClientNow();
  Acknowledge(now);
  const std::optional<Instant> next = due();
  const Duration least = position.patience() - (now - heard_at);
  const Duration until_due = next ? std::max(*next - now, Duration{}) : kAcknowledgeInterval;
  if (!WaitFor(line.descriptor(),
               line.events(!request.empty()),
               std::min({left, least, until_due, kAcknowledgeInterval}))) {
    if (ClientNow() - heard_at >= position.patience()) {
      Break();  // not even bookmarks: nobody is there any more
    }
    return TellDue(ClientNow(), on_records);
  }
  if (!Send()) {
    Break();
    return 0;
  }
  const std::size_t handed = Receive(on_records);
  return handed + TellDue(ClientNow(), on_records);
}

// To a cursor only: how far it may move. Now and then as a sign of life.
void Client::Connection::Acknowledge(Instant now) {
  if (subscription.cursor.empty() || !request.empty() || now < acknowledge_at) {
    return;
  }
  const std::uint64_t told = Accountable(position.AcknowledgeableSequence());
  const std::uint64_t dealt_with = subscription.acknowledge_later ? std::min(taken, told) : told;
  const bool is_news = dealt_with != acknowledged;
  if (!is_news && now < acknowledge_at + Duration{kKeepAliveNs / 2}) {
    return;
  }
  acknowledged = dealt_with;
  acknowledge_at = now + kAcknowledgeInterval;
  const DeliveryAcknowledgement said{.sequence = dealt_with};
  const auto bytes = std::as_bytes(std::span{&said, 1});
  request.assign(bytes.begin(), bytes.end());
}

void Client::Connection::Acknowledge(std::uint64_t sequence) {
  taken = std::max(taken, sequence);
  if (state == State::kOpen) {
    Acknowledge(ClientNow());
    if (!Send()) {
      Break();
    }
  }
}

bool Client::Connection::Send() {
  if ((line.events(!request.empty()) & POLLOUT) == 0) {
    return true;
  }
  const auto sent = line.Send(request);
  if (!sent) {
    // A refusal may be waiting to be read although the peer no longer listens.
    return sent.error().error == EPIPE || sent.error().error == ECONNRESET;
  }
  request.erase(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(*sent));
  return true;
}

std::size_t Client::Connection::Receive(const OnRecords& on_records) {
  auto* bytes = reinterpret_cast<std::byte*>(buffer.data());
  const std::size_t room = buffer.size() * sizeof(DeliveryRecord) - received;
  const auto got = line.Receive(std::span(bytes + received, room));
  if (!got) {
    Stop(got.error());
    return 0;
  }
  if (*got == 0) {
    return 0;
  }
  heard_at = ClientNow();
  received += *got;
  const std::size_t handed = HandOut(on_records);
  if (state == State::kOpen) {
    // Less than a record stays, at the front, and a name that waits for it.
    const std::size_t whole = CountWhole() * sizeof(DeliveryRecord);
    std::memmove(bytes, bytes + whole, received - whole);
    received -= whole;
  }
  return handed;
}

// Of records received, without a name or a suspicion at the end whose record is not there yet.
std::size_t Client::Connection::CountWhole() const {
  std::size_t out = received / sizeof(DeliveryRecord);
  const auto stands_before = [](const DeliveryRecord& record) {
    return record.kind == RecordKind::kName || AnnouncesSuspicion(record);
  };
  for (std::size_t i = 0; i <= kMostNameParts && out != 0 && stands_before(buffer[out - 1]); ++i) {
    --out;
  }
  return out;
}

// Runs of records that are the subscriber's, each in one call; what is between them is ours.
std::size_t Client::Connection::HandOut(const OnRecords& on_records) {
  const std::span<const DeliveryRecord> records(buffer.data(), CountWhole());
  std::size_t handed = 0;
  std::size_t begin = 0;
  StreamPosition next = position;
  for (std::size_t i = 0; i < records.size(); ++i) {
    StreamPosition after = next;
    const Verdict verdict = Judge(records[i], after);
    if (verdict == Verdict::kHandOut) {
      next = after;
      continue;
    }
    const bool is_last = verdict == Verdict::kHandOutEnd;
    const std::size_t end = is_last ? i + 1 : i;
    handed += Tell(records.subspan(begin, end - begin), is_last ? after : next, on_records);
    if (verdict != Verdict::kBroken) {
      position = after;
    }
    if (verdict != Verdict::kKeep) {
      Stop(verdict, records[i]);
      return handed;
    }
    next = after;
    begin = i + 1;
  }
  return handed + Tell(records.subspan(begin), next, on_records);
}

// The position moves when the call has returned: a callback that throws has not had its records,
// and they come again on the next connection.
std::size_t Client::Connection::Tell(std::span<const DeliveryRecord> run,
                                     const StreamPosition& behind,
                                     const OnRecords& on_records) {
  if (run.empty()) {
    position = behind;
    return 0;
  }
  const auto told = held ? held->Sift(run, position.sequence(), heard_at) : run;
  if (!told.empty()) {
    CallBack(told, on_records);
  }
  back_off.Succeeded();
  position = behind;
  if (held) {
    held->Commit();
  }
  return told.size();
}

void Client::Connection::CallBack(std::span<const DeliveryRecord> records,
                                  const OnRecords& on_records) {
  try {
    on_records(records);
  } catch (...) {
    if (held) {
      held->Undo();
    }
    Break();
    throw;
  }
}

// Nothing while it cannot be known whether they have been heard: before what had happened meanwhile
// has come, and where even bookmarks do not.
std::optional<Instant> Client::Connection::due() const noexcept {
  const bool hears = state == State::kOpen && position.has_caught_up() &&
                     ClientNow() - heard_at < kMostMissed * position.bookmark();
  return held && hears ? held->due() : std::nullopt;
}

// Behind what has come: it may say that they were heard.
std::size_t Client::Connection::TellDue(Instant now, const OnRecords& on_records) {
  const std::optional<Instant> next = due();
  if (!held || !next || *next > now) {
    return 0;
  }
  const auto told = held->Due(now);
  if (!told.empty()) {
    CallBack(told, on_records);
  }
  held->Commit();  // NOLINT(bugprone-unchecked-optional-access): the call back leaves it there
  return told.size();
}

StreamPosition::Verdict Client::Connection::Judge(const DeliveryRecord& record,
                                                  StreamPosition& after) {
  if (SealOf(record) != record.crc) {
    return Verdict::kBroken;
  }
  const Verdict verdict = after.Take(record);
  if (after.greeted()) {
    refusal.clear();
    strangers = 0;
    is_known = true;
  }
  if (record.kind == RecordKind::kBookmark && verdict == Verdict::kKeep) {
    back_off.Succeeded();
  }
  if (held && verdict == Verdict::kKeep) {
    record.kind == RecordKind::kHello ? held->Greet(record, heard_at)
                                      : held->Hear(record, heard_at);
  }
  return verdict;
}

void Client::Connection::Stop(Verdict verdict, const DeliveryRecord& record) {
  const bool is_stranger = verdict == Verdict::kBroken && !position.greeted();
  strangers += is_stranger ? 1 : 0;
  if (verdict == Verdict::kRefused) {
    refusal = DescribeError(record);
  }
  Break();
  if (record.kind == RecordKind::kError &&
      static_cast<DeliveryError>(record.reason) == DeliveryError::kWrongTransport) {
    hopeless = subscription.address +
               ": needed an address in the clear, found: " + DescribeError(record) +
               "; write \"tls:\" before it, and name its authority";
  } else if (verdict == Verdict::kHopeless) {
    hopeless = subscription.address + ": the subscription was refused: " + DescribeError(record) +
               "; mend the request, or subscribe from a snapshot";
  } else if (strangers >= kMostStrangers) {
    hopeless = subscription.address +
               ": needed flatline's delivery stream, found something else; check the address, and "
               "that both sides are of one release";
  }
}

// What TLS did not like is not mended by trying again, unless it has been well before: then
// somebody is about to mend it.
void Client::Connection::Stop(const Line::Fault& fault) {
  Break();
  if (fault.text.empty() || is_known || ++strangers < kMostStrangers) {
    return;
  }
  hopeless = subscription.address + ": needed flatline-control over TLS 1.3, " + fault.text +
             "; check the address, the authority's certificates (ca) and the server's name, or "
             "write \"plain:\" before the address where it is served in the clear";
}

void Client::Connection::Break() {
  line.Close();
  if (held && position.is_amid_snapshot()) {
    held->Forget();
  }
  state = State::kWaiting;
  received = 0;
  request.clear();
  back_off.Failed(ClientNow());
}

}  // namespace flatline
