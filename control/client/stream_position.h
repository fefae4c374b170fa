// What a subscriber has accounted for, and what each further record means for that: the rules of
// exactly once and in order, without a socket. Used by Client; copied before a batch is handed out
// and kept only if the callback returns. Assumes records as they came, of one connection after the
// other. Pure; no allocation per record.
//
//   connect --hello--> snapshot asked for: begin --rows--> end --.
//                      else: ------------------------------------+--> journal records, gaps,
//                                                                     bookmarks
#pragma once

#include <flatline/client.h>
#include <flatline/delivery.h>

#include <cstdint>
#include <string>

namespace flatline {

class StreamPosition {
 public:
  enum class Verdict : std::uint8_t {
    kHandOut,     // the subscriber's
    kHandOutEnd,  // the subscriber's, and this connection has nothing more for us
    kKeep,        // dealt with
    kBroken,      // not what we could have been sent: connect anew
    kRefused,     // an error that may pass: try again later
    kHopeless,    // an error that will not
  };

  explicit StreamPosition(const Subscription& subscription);

  // What to ask for on a new connection; forgets the half-told of the last one. The groups follow,
  // and the text.
  [[nodiscard]] DeliveryRequest Connect();

  // The CRC has been verified.
  [[nodiscard]] Verdict Take(const DeliveryRecord& record);

  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

  // What has been dealt with on this connection; 0: nothing yet, as amid a snapshot.
  [[nodiscard]] std::uint64_t AcknowledgeableSequence() const noexcept {
    return stage_ == Stage::kFollows ? sequence_ : 0;
  }

  // Silence for so long is none of a living flatline: it would have sent a bookmark.
  [[nodiscard]] Duration patience() const noexcept { return patience_; }

  // Where nothing else is to be told, a bookmark comes so often.
  [[nodiscard]] Duration bookmark() const noexcept { return bookmark_; }

  // All that had happened by the time of the greeting has been heard of.
  [[nodiscard]] bool has_caught_up() const noexcept {
    return stage_ == Stage::kFollows && sequence_ >= newest_;
  }

  [[nodiscard]] bool is_amid_snapshot() const noexcept { return stage_ == Stage::kSnapshot; }

  // True when this connection has said something of worth: back-off may begin anew.
  [[nodiscard]] bool greeted() const noexcept { return stage_ != Stage::kGreeting; }

 private:
  static constexpr Duration kLeastPatience{20'000'000'000};

  enum class Stage : std::uint8_t { kGreeting, kAwaitsSnapshot, kSnapshot, kFollows };

  [[nodiscard]] Verdict TakeName(const DeliveryRecord& part);
  [[nodiscard]] Verdict TakeSuspicion(const DeliveryRecord& suspicion);
  [[nodiscard]] bool IsPrecededRightly(const DeliveryRecord& record);
  [[nodiscard]] Verdict TakeGreeting(const DeliveryRecord& record);
  [[nodiscard]] Verdict TakeSnapshot(const DeliveryRecord& record);
  [[nodiscard]] Verdict TakeTail(const DeliveryRecord& record);
  [[nodiscard]] Verdict TakeSuspicionOver(const DeliveryRecord& record);
  [[nodiscard]] Verdict TakeError(const DeliveryRecord& record);

  Stage stage_ = Stage::kGreeting;
  RequestKind next_request_;  // kSubscribeFrom as soon as there is a position
  bool wants_everything_ = true;
  bool takes_everything_ = true;  // and nothing is left out here: sequences have no holes
  bool resnapshot_ = false;
  bool has_cursor_ = false;
  bool is_summary_ = false;  // always of now: there is nothing to resume
  std::uint8_t liveness_mask_ = 0xFF;
  bool want_health_ = true;
  std::uint32_t groups_ = 0;
  std::uint32_t text_bytes_ = 0;
  std::uint32_t options_ = 0;
  std::uint32_t batch_bytes_ = 0;
  std::uint32_t batch_age_us_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t snapshot_sequence_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t newest_ = 0;      // as greeted
  std::uint64_t named_ = 0;       // sequence of the record whose name has begun,
  std::uint8_t name_parts_ = 0;   // by so many parts,
  std::uint8_t name_length_ = 0;  // of so many; 0: of none
  bool is_suspected_ = false;     // a suspicion of this endpoint, with this sequence, has begun
  EndpointId suspected_ = kNoEndpoint;
  std::uint64_t suspicion_sequence_ = 0;
  Duration bookmark_ = kLeastPatience / 5;
  Duration patience_ = kLeastPatience;
};

// The lines of a subscription.
[[nodiscard]] std::string TextOf(const Subscription& subscription);

// Text of a kError record, with the name of its error.
[[nodiscard]] std::string DescribeError(const DeliveryRecord& record);

}  // namespace flatline
