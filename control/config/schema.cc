#include "control/config/schema.h"

#include "control/config/text_rules.h"
#include "control/config/units.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace flatline {
namespace {

constexpr std::uint64_t kTebibyte = std::uint64_t{1} << 40;
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr Duration kMillisecond{1'000'000};
constexpr Duration kMinute{60'000'000'000};
constexpr Duration kHour = 60 * kMinute;
constexpr Duration kYear = 365 * 24 * kHour;
// Half of it may be the confirmation, which is no less than kLeastTimeout; and there are ticks.
constexpr Duration kLeastPromise = 10 * kMillisecond;
constexpr std::array<std::string_view, 2> kIdleNames{"adaptive", "poll"};
constexpr std::array<std::string_view, 3> kHugepageNames{"auto", "off", "required"};
constexpr std::array<std::string_view, 3> kDurabilityNames{"none", "interval", "before-sending"};
constexpr std::array<std::string_view, 2> kEnrolmentNames{"open", "closed"};
constexpr std::array<std::string_view, 3> kModeNames{"off", "accepted", "required"};
constexpr std::array<std::string_view, 4> kProfileModeNames{
    "off", "accepted", "required", "default"};

template <typename Section, typename Integer>
Key<Section> IntegerKey(std::string_view name,
                        Integer Section::* member,
                        Range<std::uint64_t> range) {
  return {name,
          [=](const Value& value, Section& into) {
            if (const auto read = value.ReadInteger(range)) {
              into.*member = static_cast<Integer>(*read);
            }
          },
          [=](const Section& from) { return std::to_string(from.*member); }};
}

// From 0 to 1, kept in millionths.
template <typename Section>
Key<Section> ShareKey(std::string_view name, std::uint32_t Section::* member) {
  return {name,
          [=](const Value& value, Section& into) {
            into.*member = value.ReadMillionths().value_or(into.*member);
          },
          [=](const Section& from) { return PrintMillionths(from.*member); }};
}

template <typename Section>
Key<Section> FlagKey(std::string_view name, bool Section::* member) {
  return {name,
          [=](const Value& value, Section& into) {
            into.*member = value.ReadFlag().value_or(into.*member);
          },
          [=](const Section& from) { return std::string(from.*member ? "true" : "false"); }};
}

template <typename Section>
Key<Section> DurationKey(std::string_view name, Duration Section::* member, Range<Duration> range) {
  return {name,
          [=](const Value& value, Section& into) {
            into.*member = value.ReadDuration(range).value_or(into.*member);
          },
          [=](const Section& from) { return PrintText(PrintDuration(from.*member)); }};
}

template <typename Section>
Key<Section> BytesKey(std::string_view name,
                      std::uint64_t Section::* member,
                      Range<std::uint64_t> range) {
  return {name,
          [=](const Value& value, Section& into) {
            into.*member = value.ReadBytes(range).value_or(into.*member);
          },
          [=](const Section& from) { return PrintText(PrintBytes(from.*member)); }};
}

// The same where silence is not a default: nothing is printed then.
template <typename Section>
Key<Section> PerhapsDurationKey(std::string_view name,
                                std::optional<Duration> Section::* member,
                                Range<Duration> range) {
  return {name,
          [=](const Value& value, Section& into) { into.*member = value.ReadDuration(range); },
          [=](const Section& from) {
            return from.*member ? PrintText(PrintDuration(*(from.*member))) : std::string();
          }};
}

template <typename Section>
Key<Section> PerhapsIntegerKey(std::string_view name,
                               std::optional<std::uint32_t> Section::* member,
                               Range<std::uint64_t> range) {
  return {name,
          [=](const Value& value, Section& into) {
            if (const auto read = value.ReadInteger(range)) {
              into.*member = static_cast<std::uint32_t>(*read);
            }
          },
          [=](const Section& from) {
            return from.*member ? std::to_string(*(from.*member)) : std::string();
          }};
}

template <typename Section>
Key<Section> PerhapsShareKey(std::string_view name, std::optional<double> Section::* member) {
  return {name,
          [=](const Value& value, Section& into) { into.*member = value.ReadShare(); },
          [=](const Section& from) {
            return from.*member ? PrintShare(*(from.*member)) : std::string();
          }};
}

template <typename Section>
Key<Section> TextKey(std::string_view name, std::string Section::* member, TextRule rule) {
  return {name,
          [=](const Value& value, Section& into) {
            into.*member = value.ReadText(rule).value_or(into.*member);
          },
          [=](const Section& from) { return PrintText(from.*member); }};
}

template <typename Section>
Key<Section> TextsKey(std::string_view name,
                      std::vector<std::string> Section::* member,
                      TextRule rule) {
  return {name,
          [=](const Value& value, Section& into) {
            if (auto read = value.ReadTexts(rule)) {
              into.*member = std::move(*read);
            }
          },
          [=](const Section& from) {
            std::string out;
            for (const std::string& text : from.*member) {
              out += (out.empty() ? "" : ", ") + PrintText(text);
            }
            return "[" + out + "]";
          }};
}

template <typename Section, typename Enum, std::size_t kSize>
Key<Section> ChoiceKey(std::string_view name,
                       Enum Section::* member,
                       const std::array<std::string_view, kSize>& names) {
  return {name,
          [member, &names](const Value& value, Section& into) {
            if (const auto read = value.ReadChoice(names)) {
              into.*member = static_cast<Enum>(*read);
            }
          },
          [member, &names](const Section& from) {
            return PrintText(names[static_cast<std::size_t>(from.*member)]);
          }};
}

Key<ProfileEntry> DetectorKey() {
  return {"detector",
          [](const Value& value, ProfileEntry& into) {
            if (const auto read = value.ReadChoice(kDetectorNames)) {
              into.detector = static_cast<DetectorKind>(*read);
            }
          },
          [](const ProfileEntry& from) {
            return from.detector
                       ? PrintText(kDetectorNames[static_cast<std::size_t>(*from.detector)])
                       : std::string();
          }};
}

Key<DataplaneConfig> CoresKey() {
  return {"cores",
          [](const Value& value, DataplaneConfig& into) {
            if (const auto read = value.ReadIntegers({0, 1023})) {
              into.cores.assign(read->begin(), read->end());
            }
          },
          [](const DataplaneConfig& from) {
            std::string out;
            for (const std::uint32_t core : from.cores) {
              out += (out.empty() ? "" : ", ") + std::to_string(core);
            }
            return "[" + out + "]";
          }};
}

// By name in the file, by id inside.
Key<DataplaneConfig> DefaultProfileKey(const Profiles& profiles) {
  return {"default_profile",
          [&profiles](const Value& value, DataplaneConfig& into) {
            std::vector<std::string_view> names;
            std::vector<ProfileId> ids;
            for (std::size_t id = 0; id < profiles.size(); ++id) {
              if (profiles[id].in_use()) {
                names.emplace_back(profiles[id].name.data());
                ids.push_back(static_cast<ProfileId>(id));
              }
            }
            if (const auto read = value.ReadChoice(names)) {
              into.default_profile = ids[*read];
            }
          },
          [&profiles](const DataplaneConfig& from) {
            return PrintText(profiles[from.default_profile].name.data());
          }};
}

template <typename Section>
Key<Section> Required(Key<Section> key) {
  key.required = true;
  return key;
}

}  // namespace

Keys<Config> TopKeys() {
  return {TextKey("instance", &Config::instance, FaultInInstance),
          TextKey("region_directory", &Config::region_directory, FaultInRegionDirectory),
          TextKey("region_group", &Config::region_group, FaultInGroup),
          FlagKey("confine", &Config::confine)};
}

Keys<DataplaneConfig> DataplaneKeys(const Profiles& profiles) {
  using D = DataplaneConfig;
  return {IntegerKey("endpoints", &D::endpoints, {1, 2'000'000'000}),
          IntegerKey("workers", &D::workers, {1, kMaxWorkers}),
          CoresKey(),
          ChoiceKey("idle", &D::idle, kIdleNames),
          ChoiceKey("hugepages", &D::hugepages, kHugepageNames),
          BytesKey("memory", &D::memory, {16 * kMebibyte, kTebibyte}),
          ChoiceKey("enrolment", &D::enrolment, kEnrolmentNames),
          DurationKey("enrolment_time", &D::enrolment_time, {Duration{}, kHour}),
          IntegerKey("enrolment_per_source", &D::enrolment_per_source, {0, 1'000'000'000}),
          DefaultProfileKey(profiles),
          DurationKey("stall", &D::stall, {kMillisecond, kMinute}),
          IntegerKey("transition_ring", &D::transition_ring, {64, 1U << 24}),
          IntegerKey("probe_rate", &D::probe_rate, {1, 100'000'000}),
          IntegerKey("payloads", &D::payloads, {0, 1U << 24}),
          IntegerKey("leases", &D::leases, {0, 1U << 20}),
          DurationKey("lease_term_most", &D::lease_term_most, {100 * kMillisecond, 24 * kHour}),
          TextKey("lease_epoch", &D::lease_epoch, FaultInDirectory)};
}

Keys<PortConfig> PortKeys() {
  using P = PortConfig;
  return {Required(TextKey("device", &P::device, FaultInDevice)),
          TextsKey("addresses", &P::addresses, FaultInAddress),
          TextsKey("gateways", &P::gateways, FaultInAddress),
          IntegerKey("udp_port", &P::udp_port, {1, 65535}),
          IntegerKey("queues", &P::queues, {0, kMaxWorkers}),
          IntegerKey("descriptors", &P::descriptors, {64, 32768}),
          FlagKey("promiscuous", &P::promiscuous)};
}

Keys<ControlConfig> ControlKeys() {
  using C = ControlConfig;
  return {TextsKey("listen", &C::listen, FaultInListener),
          TextKey("socket", &C::socket, FaultInSocketPath),
          TextKey("journal", &C::journal, FaultInDirectory),
          TextKey("roster", &C::roster, FaultInDirectory),
          TextKey("tokens", &C::tokens, FaultInOptionalPath),
          TextKey("plaintext", &C::plaintext, FaultInPlaintext),
          TextKey("tls_certificate", &C::tls_certificate, FaultInOptionalPath),
          TextKey("tls_key", &C::tls_key, FaultInOptionalPath),
          TextKey("tls_client_ca", &C::tls_client_ca, FaultInOptionalPath),
          FlagKey("tls_loopback", &C::tls_loopback),
          BytesKey("segment", &C::segment, {4096, kTebibyte}),
          BytesKey("retain", &C::retain, {4096, 1024 * kTebibyte}),
          BytesKey("memory_journal", &C::memory_journal, {0, kTebibyte}),
          DurationKey("bookmark", &C::bookmark, {10 * kMillisecond, kHour}),
          IntegerKey("subscribers", &C::subscribers, {1, 65536}),
          IntegerKey("publishers", &C::publishers, {1, 64}),
          ChoiceKey("durability", &C::durability, kDurabilityNames),
          DurationKey("sync_interval", &C::sync_interval, {kMillisecond, kHour}),
          DurationKey("retain_age", &C::retain_age, {Duration{}, 100 * kYear}),
          DurationKey("cursor_expiry", &C::cursor_expiry, {kMinute, 100 * kYear})};
}

Keys<AuthenticationConfig> AuthenticationKeys() {
  using A = AuthenticationConfig;
  return {TextKey("key", &A::key, FaultInOptionalPath),
          IntegerKey("tag_bits", &A::tag_bits, {64, 128}),
          ChoiceKey("mode", &A::mode, kModeNames)};
}

Keys<GuardConfig> GuardKeys() {
  using G = GuardConfig;
  return {ShareKey("fleet_share", &G::fleet_share_ppm),
          IntegerKey("least_endpoints", &G::least_endpoints, {2, 2'000'000'000}),
          DurationKey("window", &G::window, {kMillisecond, 24 * kHour}),
          DurationKey("release_after", &G::release_after, {kMillisecond, 24 * kHour}),
          ShareKey("group_share", &G::group_share_ppm),
          IntegerKey("group_least_endpoints", &G::group_least_endpoints, {2, 2'000'000'000})};
}

Keys<MassFailureConfig> MassFailureKeys() {
  using M = MassFailureConfig;
  return {ShareKey("group_share", &M::group_share_ppm),
          ShareKey("fleet_share", &M::fleet_share_ppm),
          IntegerKey("least_endpoints", &M::least_endpoints, {2, 2'000'000'000}),
          DurationKey("window", &M::window, {100 * kMillisecond, kHour})};
}

Keys<FlapSettings> FlappingKeys() {
  using F = FlapSettings;
  constexpr std::uint64_t kMost = 1'000'000;
  return {IntegerKey("death_penalty", &F::death_penalty, {0, kMost}),
          IntegerKey("revival_penalty", &F::revival_penalty, {0, kMost}),
          IntegerKey("suppress", &F::suppress, {1, kMost}),
          IntegerKey("reuse", &F::reuse, {1, kMost}),
          DurationKey("half_life", &F::half_life, {1'000 * kMillisecond, 24 * kHour}),
          DurationKey("longest", &F::longest, {1'000 * kMillisecond, 7 * 24 * kHour})};
}

Keys<ProfileEntry> ProfileKeys() {
  using P = ProfileEntry;
  return {Required(IntegerKey("id", &P::id, {kFirstOwnProfile, kMaxProfiles - 1})),
          Required(TextKey("name", &P::name, FaultInProfileName)),
          PerhapsDurationKey("interval", &P::interval, {Duration{1'000}, kMostTimeout}),
          DetectorKey(),
          PerhapsIntegerKey("threshold", &P::threshold, {1, 1000}),
          PerhapsDurationKey("acceptable_pause", &P::acceptable_pause, {Duration{0}, kMostTimeout}),
          PerhapsDurationKey("least_deviation", &P::least_deviation, {kStampUnit, kMostTimeout}),
          PerhapsDurationKey("margin", &P::margin, {kStampUnit, kMostTimeout}),
          PerhapsIntegerKey("deviations", &P::deviations, {0, 100}),
          PerhapsDurationKey("longest", &P::longest, {kLeastTimeout, kMostTimeout}),
          DurationKey("confirmation", &P::confirmation, {kLeastTimeout, kMostTimeout}),
          PerhapsDurationKey(
              "least_confirmation", &P::least_confirmation, {kLeastTimeout, kMostTimeout}),
          PerhapsDurationKey("detect_within", &P::detect_within, {kLeastPromise, kMostTimeout}),
          PerhapsDurationKey(
              "mistakes_at_most_every", &P::mistakes_at_most_every, {kLeastPromise, 100 * kYear}),
          PerhapsDurationKey(
              "mistake_lasts_at_most", &P::mistake_lasts_at_most, {kLeastPromise, kYear}),
          PerhapsShareKey("loss", &P::loss),
          PerhapsDurationKey("jitter", &P::jitter, {Duration{}, kHour}),
          ChoiceKey("probe", &P::probe, kProbeNames),
          PerhapsIntegerKey("probes", &P::probes, {1, kMostProbes}),
          FlagKey("pull", &P::pull),
          ChoiceKey("authentication", &P::authentication, kProfileModeNames)};
}

}  // namespace flatline
