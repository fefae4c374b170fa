#include "dataplane/neighbours.h"

#include <cstring>
#include <span>

namespace flatline {

std::size_t Neighbours::SetOf(const Place& place) const noexcept {
  std::array<std::byte, 17> message{};
  std::memcpy(message.data(), place.ip.data(), place.ip.size());
  message[16] = std::byte{place.port};
  return (SipHash(key_, message, TagSize::k64Bits).low % kSets) * kWays;
}

// Nothing where a writer is at it.
std::optional<Neighbours::Word> Neighbours::Read(const Entry& entry) noexcept {
  const std::uint32_t before = entry.version.load(std::memory_order_acquire);
  std::array<std::uint64_t, 7> words{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = entry.words[i].load(std::memory_order_acquire);
  }
  if (before % 2 != 0 || entry.version.load(std::memory_order_relaxed) != before) {
    return std::nullopt;
  }
  Word out;
  std::memcpy(out.ip.data(), words.data(), 16);
  std::memcpy(out.hop.ours.data(), &words[2], 16);
  std::memcpy(out.hop.tags.data(), &words[4], 8);
  std::memcpy(out.hop.mac.data(), &words[5], 6);
  const auto rest = static_cast<std::uint16_t>(words[5] >> 48);
  out.port = static_cast<std::uint8_t>(rest & 0xFFU);
  out.hop.tag_bytes = static_cast<std::uint8_t>((rest >> 8) & 0xFU);
  out.state = static_cast<State>(rest >> 12);
  out.since = Instant{Duration{static_cast<std::int64_t>(words[6])}};
  return out;
}

// False where another writer is at it. The words are stored with release, so that who reads a new
// one sees the odd version too.
bool Neighbours::Write(Entry& entry, const Word& word) noexcept {
  std::uint32_t version = entry.version.load(std::memory_order_relaxed);
  if (version % 2 != 0 ||
      !entry.version.compare_exchange_strong(version, version + 1, std::memory_order_acquire)) {
    return false;
  }
  std::array<std::uint64_t, 7> words{};
  std::memcpy(words.data(), word.ip.data(), 16);
  std::memcpy(&words[2], word.hop.ours.data(), 16);
  std::memcpy(&words[4], word.hop.tags.data(), 8);
  std::memcpy(&words[5], word.hop.mac.data(), 6);
  words[5] |= (std::uint64_t{word.port} << 48) | (std::uint64_t{word.hop.tag_bytes} << 56) |
              (std::uint64_t{static_cast<std::uint8_t>(word.state)} << 60);
  words[6] = static_cast<std::uint64_t>(word.since.time_since_epoch().count());
  for (std::size_t i = 0; i < words.size(); ++i) {
    entry.words[i].store(words[i], std::memory_order_release);
  }
  entry.version.store(version + 2, std::memory_order_release);
  return true;
}

bool Neighbours::IsFor(const Word& word, const Place& place) noexcept {
  return word.state != State::kNone && word.port == place.port && word.ip == place.ip;
}

// The entry of the place, else the one that gives way to it.
Neighbours::Entry& Neighbours::EntryFor(const Place& place) noexcept {
  const std::size_t first = SetOf(place);
  Entry* oldest = &entries_[first];
  Instant oldest_since = Instant::max();
  for (Entry& entry : std::span(entries_).subspan(first, kWays)) {
    const auto word = Read(entry);
    if (!word) {
      continue;
    }
    if (IsFor(*word, place)) {
      return entry;
    }
    const Instant since = word->state == State::kNone ? Instant::min() : word->since;
    if (since < oldest_since) {
      oldest = &entry;
      oldest_since = since;
    }
  }
  return *oldest;
}

std::optional<NextHop> Neighbours::Find(const Place& place) const noexcept {
  const std::size_t first = SetOf(place);
  for (const Entry& entry : std::span(entries_).subspan(first, kWays)) {
    const auto word = Read(entry);
    if (word && IsFor(*word, place) && word->state >= State::kLearnt) {
      return word->hop;
    }
  }
  return std::nullopt;
}

Neighbours::Way Neighbours::Consult(const Place& place, Instant now, bool doubted) noexcept {
  Entry& entry = EntryFor(place);
  const auto read = Read(entry);
  if (!read) {
    return {};
  }
  Word word = *read;
  Way out;
  bool is_due = true;
  if (IsFor(word, place)) {
    if (word.state >= State::kLearnt) {
      out.hop = word.hop;
    }
    const Duration age = now - word.since;
    is_due = word.state == State::kLearnt  ? doubted
             : word.state == State::kAsked ? age >= kAskAgain
                                           : age >= kFresh;
  } else {
    word = {.ip = place.ip, .hop = {}, .since = now, .port = place.port, .state = State::kNone};
  }
  if (is_due) {
    word.state = word.state >= State::kLearnt ? State::kRenewing : State::kAsked;
    word.since = now;
    out.ask = Write(entry, word);
  }
  return out;
}

void Neighbours::Learn(const Place& place, const NextHop& hop, Instant now) noexcept {
  Write(EntryFor(place),
        {.ip = place.ip, .hop = hop, .since = now, .port = place.port, .state = State::kLearnt});
}

bool Neighbours::Answer(const Place& place, const MacAddress& mac, Instant now) noexcept {
  Entry& entry = EntryFor(place);
  auto word = Read(entry);
  if (!word || !IsFor(*word, place) ||
      (word->state != State::kAsked && word->state != State::kRenewing) ||
      now - word->since > kAnswerTime) {
    return false;
  }
  if (word->hop.mac != mac) {
    word->hop.tag_bytes = 0;  // asked and answered without any
    word->hop.mac = mac;
  }
  word->state = State::kResolved;
  word->since = now;
  return Write(entry, *word);
}

}  // namespace flatline
