// The region: the one file of shared memory between the two processes, and the layout of it.
// The dataplane formats it (Format) and adopts it after a restart (Adopt), control and the tools
// join it (Join); who may write which section is said on each. Offsets are derived from the shape,
// never stored by hand; magic and version come first and are checked before anything else is
// believed. It holds facts only: the index and the wheel are derived from the records, and private.
// A region is a hostile file until Validate has passed. Cost: mapping once, no allocation after.
//
//   | header | control's indices | commands, results | progress, counters, heads | transitions
//   | records | groups | source addresses | payloads | leases | each section on a `page` boundary
#pragma once

#include <flatline/command_ring.h>
#include <flatline/counters.h>
#include <flatline/endpoint.h>
#include <flatline/guard.h>
#include <flatline/lease.h>
#include <flatline/payload.h>
#include <flatline/profile.h>
#include <flatline/record.h>
#include <flatline/time.h>
#include <flatline/transition_ring.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace flatline {

inline constexpr std::uint64_t kRegionMagic = 0x454E494C54414C46ULL;  // "FLATLINE"
inline constexpr std::uint32_t kRegionVersion = 5;
inline constexpr std::uint32_t kSmallPage = 4096;
inline constexpr std::uint32_t kHugePage = 2U << 20;
inline constexpr std::uint32_t kBlockSlots = 64;  // slots share a profile, and a wheel entry, by 64
inline constexpr std::uint32_t kMostPayloads = 1U << 24;  // of one worker
inline constexpr std::uint32_t kMostLeases = 1U << 21;    // of one worker
inline constexpr std::size_t kDeafnesses = 20;  // lengths of blindness that are told apart

// What the offsets derive from. All powers of two where so named.
struct RegionShape {
  std::uint32_t workers = 1;
  std::uint32_t slots_per_worker = kBlockSlots;  // multiple of kBlockSlots; worker w owns the slots
                                                 // [w × slots_per_worker, (w + 1) × …)
  std::uint32_t transition_capacity = 1U << 16;  // power of two, per worker
  std::uint32_t command_capacity = 1U << 14;     // power of two, per worker
  std::uint32_t page = kSmallPage;               // or kHugePage, on hugetlbfs
  std::uint32_t payloads_per_worker = 0;         // entries for those who send a payload
  std::uint32_t leases_per_worker = 0;           // entries for leases that are held

  constexpr bool operator==(const RegionShape&) const = default;

  [[nodiscard]] constexpr std::uint64_t slots() const noexcept {
    return std::uint64_t{workers} * slots_per_worker;
  }
};

//   formatting ----> live ----> stopped        (killed: `live` with a turn that stays old)
//                     ^            |
//                     +--- Adopt --+
enum class RegionState : std::uint32_t { kFormatting = 0, kLive = 1, kStopped = 2 };

struct RegionHeader {
  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::atomic<RegionState> state{RegionState::kFormatting};
  RegionShape shape{};
  std::uint64_t bytes = 0;       // of the whole file, as derived from the shape
  std::uint64_t generation = 0;  // wall clock of the Format, ns: another one is another fleet
  std::uint64_t hash_key = 0;    // of HashEndpoint, drawn at Format
  std::uint64_t capacity = 0;    // endpoints, as configured; the slots are a few more
  std::atomic<std::uint32_t> dataplane_pid{0};
  std::atomic<std::uint32_t> adoptions{0};
  std::atomic<std::int64_t> started_ns{0};  // Instant of this process's first turn
  std::atomic<std::int64_t> blind_total_ns{
      0};                                     // hearing time = monotonic time − this; leader writes
  std::atomic<std::int64_t> horizon_ns{0};    // HearingInstant up to which all is heard; leader
  std::atomic<std::int64_t> accounted_ns{0};  // Instant up to which blind_total knows; leader
  std::atomic<std::int64_t> cleared_ns{0};    // HearingInstant up to which every suspicion has been
                                              // counted, and the guard asked; leader
  std::atomic<std::int64_t> deaf_since_ns{0};  // Instant since when a port is deaf; 0: hearing
  // HearingInstant at which a blindness of at least 2^n ms was last over; 0: never. Leader.
  std::array<std::atomic<std::int64_t>, kDeafnesses> deaf_until_ns{};
  std::atomic<std::uint32_t> enrolment_closed{0};
  std::atomic<std::uint32_t> default_profile{0};
  std::array<char, 40> boot{};   // boot_id of the kernel: its monotonic clock is what stamps mean
  std::array<char, 32> build{};  // version of the dataplane that formatted or adopted it
  GuardSettings guard{};
  std::array<Profile, kMaxProfiles> profiles{};
};

// One worker's signs of life, on a line of its own. Worker writes, everyone reads.
struct alignas(64) WorkerProgress {
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::int64_t> turn_ns{0};     // Instant at which the running turn began
  std::atomic<std::int64_t> drained_ns{0};  // Instant up to which its queues are known to be empty
  std::atomic<std::int64_t> published_ns{0};  // every transition decided before is in the ring
  std::atomic<std::int32_t> thread_id{0};     // of the poll thread, for /proc
  std::atomic<std::int32_t> cpu{-1};
  // For the guard: whoever sees the instant sees these, as of it.
  std::atomic<std::int64_t> expired_ns{0};  // HearingInstant up to which all that was due is done
  std::atomic<std::uint32_t> suspect{0};
  std::atomic<std::uint32_t> died{0};     // within the guard's window
  std::atomic<std::uint32_t> watched{0};  // these, and the living
};

static_assert(sizeof(WorkerProgress) == 64);

// Control's side, the only section that control writes beside the commands.
struct alignas(64) ControlSection {
  std::array<RingTail, kMaxWorkers> transition_tails{};
  std::array<RingHead, kMaxWorkers> command_heads{};
  std::array<RingTail, kMaxWorkers> result_tails{};
  std::atomic<std::uint32_t> control_pid{0};
  std::atomic<std::int32_t> journal_fault{0};  // errno of what the journal's disk refuses; 0: none
  std::atomic<std::int64_t> control_turn_ns{0};
  std::atomic<std::int64_t> journal_in_memory_since_ns{0};     // Instant; 0: it is on the disk
  std::atomic<std::uint64_t> journal_records_in_memory{0};     // and not on the disk
  std::atomic<std::uint64_t> journal_records_given_up{0};      // that the disk never had
  std::atomic<std::int64_t> journal_sync_failing_since_ns{0};  // Instant; 0: syncs succeed
  std::atomic<std::uint64_t> journal_records_damaged{0};       // found damaged or missing
  // flapping.h
  std::atomic<std::uint64_t> flapping{0};            // endpoints whose changes are suppressed, now
  std::atomic<std::uint64_t> changes_suppressed{0};  // ever, by this control
  std::atomic<std::uint64_t> flaps_unwatched{0};     // deaths and revivals for which was no room
};

static_assert(sizeof(ControlSection) == (3 * std::size_t{kMaxWorkers} + 2) * 64);

// The dataplane's ends of the same rings, and its signs of life.
struct alignas(64) DataplaneSection {
  std::array<RingHead, kMaxWorkers> transition_heads{};
  std::array<RingTail, kMaxWorkers> command_tails{};
  std::array<RingHead, kMaxWorkers> result_heads{};
  std::array<WorkerProgress, kMaxWorkers> progress{};
  std::array<PublishedCounters, kMaxWorkers> counters{};
  GuardState guard;                                       // of the fleet
  std::array<GuardState, kMostGroupGuards> group_guards;  // by hash of the group
};

// Byte offsets of the sections. Derived, so that the two processes cannot disagree.
struct RegionLayout {
  std::uint64_t control;       // ControlSection, then the commands: control writes
  std::uint64_t commands;      // Command[workers][command_capacity]
  std::uint64_t dataplane;     // DataplaneSection: dataplane writes from here on
  std::uint64_t results;       // CommandResult[workers][command_capacity]
  std::uint64_t transitions;   // Transition[workers][transition_capacity]
  std::uint64_t records;       // EndpointRecord[slots]
  std::uint64_t groups;        // std::atomic<Group>[slots]
  std::uint64_t addresses;     // SourceAddress[slots]
  std::uint64_t payloads;      // PayloadEntry[workers][payloads_per_worker]
  std::uint64_t lease_states;  // LeaseState[workers], then
  std::uint64_t leases;        // LeaseEntry[workers][leases_per_worker]
  std::uint64_t bytes;

  static constexpr RegionLayout Of(const RegionShape& shape) noexcept {
    const auto up = [&](std::uint64_t offset) {
      return (offset + shape.page - 1) / shape.page * shape.page;
    };
    RegionLayout out{};
    out.control = up(sizeof(RegionHeader));
    out.commands = out.control + sizeof(ControlSection);
    out.dataplane =
        up(out.commands + std::uint64_t{shape.workers} * shape.command_capacity * sizeof(Command));
    out.results = out.dataplane + sizeof(DataplaneSection);
    out.transitions = up(out.results + std::uint64_t{shape.workers} * shape.command_capacity *
                                           sizeof(CommandResult));
    out.records = up(out.transitions +
                     std::uint64_t{shape.workers} * shape.transition_capacity * sizeof(Transition));
    out.groups = up(out.records + shape.slots() * sizeof(EndpointRecord));
    out.addresses = up(out.groups + shape.slots() * sizeof(std::atomic<Group>));
    out.payloads = up(out.addresses + shape.slots() * sizeof(SourceAddress));
    out.lease_states = up(out.payloads + std::uint64_t{shape.workers} * shape.payloads_per_worker *
                                             sizeof(PayloadEntry));
    out.leases = out.lease_states + std::uint64_t{shape.workers} * sizeof(LeaseState);
    out.bytes = up(out.leases +
                   std::uint64_t{shape.workers} * shape.leases_per_worker * sizeof(LeaseEntry));
    return out;
  }
};

// A mapped region: typed views of the sections. A view neither owns nor unmaps the memory. Whether
// a section may be written depends on how it was mapped.
class RegionView {
 public:
  RegionView(std::byte* base, const RegionShape& shape) noexcept
      : base_(base), shape_(shape), layout_(RegionLayout::Of(shape)) {}

  [[nodiscard]] RegionHeader& header() const noexcept { return *As<RegionHeader>(0); }

  [[nodiscard]] ControlSection& control() const noexcept {
    return *As<ControlSection>(layout_.control);
  }

  [[nodiscard]] DataplaneSection& dataplane() const noexcept {
    return *As<DataplaneSection>(layout_.dataplane);
  }

  [[nodiscard]] std::span<Command> commands(unsigned worker) const noexcept {
    return {As<Command>(layout_.commands) + std::size_t{worker} * shape_.command_capacity,
            shape_.command_capacity};
  }

  [[nodiscard]] std::span<CommandResult> results(unsigned worker) const noexcept {
    return {As<CommandResult>(layout_.results) + std::size_t{worker} * shape_.command_capacity,
            shape_.command_capacity};
  }

  [[nodiscard]] std::span<Transition> transitions(unsigned worker) const noexcept {
    return {As<Transition>(layout_.transitions) + std::size_t{worker} * shape_.transition_capacity,
            shape_.transition_capacity};
  }

  // All slots of all workers.
  [[nodiscard]] std::span<EndpointRecord> records() const noexcept {
    return {As<EndpointRecord>(layout_.records), shape_.slots()};
  }

  [[nodiscard]] std::span<std::atomic<Group>> groups() const noexcept {
    return {As<std::atomic<Group>>(layout_.groups), shape_.slots()};
  }

  [[nodiscard]] std::span<SourceAddress> addresses() const noexcept {
    return {As<SourceAddress>(layout_.addresses), shape_.slots()};
  }

  [[nodiscard]] std::span<PayloadEntry> payloads(unsigned worker) const noexcept {
    return {As<PayloadEntry>(layout_.payloads) + std::size_t{worker} * shape_.payloads_per_worker,
            shape_.payloads_per_worker};
  }

  [[nodiscard]] LeaseState& lease_state(unsigned worker) const noexcept {
    return As<LeaseState>(layout_.lease_states)[worker];
  }

  [[nodiscard]] std::span<LeaseEntry> leases(unsigned worker) const noexcept {
    return {As<LeaseEntry>(layout_.leases) + std::size_t{worker} * shape_.leases_per_worker,
            shape_.leases_per_worker};
  }

  [[nodiscard]] const RegionShape& shape() const noexcept { return shape_; }

  [[nodiscard]] const RegionLayout& layout() const noexcept { return layout_; }

  [[nodiscard]] std::byte* base() const noexcept { return base_; }

 private:
  template <typename T>
  [[nodiscard]] T* As(std::uint64_t offset) const noexcept {
    return reinterpret_cast<T*>(base_ + offset);
  }

  std::byte* base_;
  RegionShape shape_;
  RegionLayout layout_;
};

namespace region {

inline std::string Complaint(const std::string& path,
                             const std::string& needed,
                             const std::string& found,
                             const std::string& remedy) {
  return path + ": needed " + needed + ", found " + found + "; " + remedy;
}

// What is wrong with a shape, or empty. Nothing is computed from a shape before this has passed.
inline std::string FaultIn(const RegionShape& shape) {
  const auto is_power_of_two = [](std::uint32_t n) { return n != 0 && (n & (n - 1)) == 0; };
  if (shape.workers == 0 || shape.workers > kMaxWorkers) {
    return std::to_string(shape.workers) + " workers";
  }
  if (shape.slots_per_worker == 0 || shape.slots_per_worker % kBlockSlots != 0 ||
      shape.slots() >= kNoSlot) {
    return std::to_string(shape.slots_per_worker) + " slots a worker";
  }
  if (!is_power_of_two(shape.transition_capacity) || !is_power_of_two(shape.command_capacity)) {
    return "rings of " + std::to_string(shape.transition_capacity) + " and " +
           std::to_string(shape.command_capacity) + " entries";
  }
  if (shape.page != kSmallPage && shape.page != kHugePage) {
    return "pages of " + std::to_string(shape.page) + " bytes";
  }
  if (shape.payloads_per_worker > kMostPayloads) {
    return std::to_string(shape.payloads_per_worker) + " payloads a worker";
  }
  if (shape.leases_per_worker > kMostLeases) {
    return std::to_string(shape.leases_per_worker) + " leases a worker";
  }
  return {};
}

}  // namespace region

// Whether `file_bytes` bytes at `header` can be a region of ours that is safe to map and to index;
// else one line with what was needed, what was found and what to do. `path` is for the message.
// `header` is read only where the file is long enough to hold one. The shape returned is a copy: a
// header that changes afterwards changes nothing. For the dataplane, control and the tools alike.
[[nodiscard]] inline std::expected<RegionShape, std::string> ValidateRegion(
    const RegionHeader& header, std::uint64_t file_bytes, const std::string& path) {
  const auto fail = [&](const std::string& needed,
                        const std::string& found,
                        const std::string& remedy) -> std::expected<RegionShape, std::string> {
    return std::unexpected(region::Complaint(path, needed, found, remedy));
  };
  const std::string start = "start the dataplane";
  const std::string remove = "if it is not in use, remove it and start the dataplane";
  if (file_bytes < sizeof(RegionHeader)) {
    return fail("a region", std::to_string(file_bytes) + " bytes", start);
  }
  if (header.magic != kRegionMagic) {
    return fail("a region of flatline", "another kind of file", remove);
  }
  if (header.version != kRegionVersion) {
    return fail("version " + std::to_string(kRegionVersion) + " of the region",
                "version " + std::to_string(header.version),
                "run programs of one release, or remove the file and start the dataplane");
  }
  const RegionState state = header.state.load(std::memory_order_acquire);
  if (state != RegionState::kLive && state != RegionState::kStopped) {
    return fail("a finished region",
                "one that is still being formatted",
                "try again, or start the dataplane if none runs");
  }
  const RegionShape shape = header.shape;
  if (const std::string fault = region::FaultIn(shape); !fault.empty()) {
    return fail("a sound shape", fault, remove);
  }
  const std::uint64_t bytes = RegionLayout::Of(shape).bytes;
  if (header.bytes != bytes || file_bytes != bytes) {
    return fail(std::to_string(bytes) + " bytes", std::to_string(file_bytes), remove);
  }
  return shape;
}

}  // namespace flatline
