// The configuration: what is read, what is refused in which words; the commented example is true.
#include "control/config/profile_entry.h"
#include "control/config/schema.h"
#include "control/config/units.h"

#include <flatline/config.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::HasSubstr;

std::string Example() {
  std::ifstream file(FLATLINE_EXAMPLE);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The example with its commented tables in force: a "#" with no blank behind it is code.
std::string Uncommented(const std::string& text) {
  std::string out;
  bool at_start = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_code = at_start && text[i] == '#' && i + 1 < text.size() && text[i + 1] != ' ';
    if (!is_code) {
      out += text[i];
    }
    at_start = text[i] == '\n';
  }
  return out;
}

std::string ErrorsOf(std::string_view text) {
  const auto parsed = ParseConfig(text, "f");
  return parsed ? "no error" : parsed.error();
}

TEST(Config, EmptyFileIsTheDefault) {
  const auto parsed = ParseConfig("", "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(PrintConfig(*parsed), PrintConfig(DefaultConfig()));
  EXPECT_STREQ(parsed->profiles[5].name.data(), "node");
  EXPECT_EQ(parsed->profiles[5].timeout, Milliseconds(40'000));
}

TEST(Config, ExampleIsTheDefault) {
  const auto parsed = ParseConfig(Example(), "flatline.toml");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(PrintConfig(*parsed), PrintConfig(DefaultConfig()));
}

TEST(Config, ExampleUncommentedLoads) {
  const auto parsed = ParseConfig(Uncommented(Example()), "flatline.toml");
  ASSERT_TRUE(parsed) << parsed.error();
  ASSERT_EQ(parsed->ports.size(), 1U);
  EXPECT_EQ(parsed->ports[0].addresses.size(), 2U);
  EXPECT_STREQ(parsed->profiles[16].name.data(), "edge");
  EXPECT_EQ(parsed->profiles[17].detector, DetectorKind::kPhi);
  EXPECT_EQ(parsed->profiles[18].detector, DetectorKind::kChen);
  EXPECT_EQ(PrintConfig(ParseConfig(PrintConfig(*parsed), "printed").value()),
            PrintConfig(*parsed));
}

template <typename Section>
void ExpectEachIn(const std::string& text, const Keys<Section>& keys) {
  for (const Key<Section>& key : keys) {
    EXPECT_THAT(text, HasSubstr("\n" + std::string(key.name) + " = ")) << key.name;
  }
}

TEST(Config, ExampleNamesEveryKey) {
  const std::string text = Uncommented(Example());
  ExpectEachIn(text, TopKeys());
  ExpectEachIn(text, DataplaneKeys(DefaultConfig().profiles));
  ExpectEachIn(text, PortKeys());
  ExpectEachIn(text, ControlKeys());
  ExpectEachIn(text, GuardKeys());
  ExpectEachIn(text, MassFailureKeys());
  ExpectEachIn(text, ProfileKeys());
}

TEST(Config, EffectivePrintLoadsToTheSame) {
  constexpr std::string_view kFile = R"(
instance = "two"
region_directory = "/tmp/x \"quoted\""
[dataplane]
endpoints = 5_000
workers = 2
cores = [3, 1]
idle = "poll"
hugepages = "off"
memory = "100M"
enrolment = "closed"
default_profile = "edge"
stall = "1500us"
transition_ring = 128
[[port]]
device = "net_memif0,role=server,socket=/tmp/a.sock"
promiscuous = true
udp_port = 7
[[port]]
device = "net_memif1,role=server"
addresses = ["10.0.0.1", "fd00::1"]
[control]
listen = []
segment = "1M"
retain = "3M"
bookmark = "2m"
[[profile]]
id = 63
name = "edge"
interval = "20ms"
threshold = 5
confirmation = "1ms"
)";
  const auto first = ParseConfig(kFile, "f");
  ASSERT_TRUE(first) << first.error();
  EXPECT_EQ(first->dataplane.default_profile, 63);
  EXPECT_EQ(first->profiles[63].timeout, Milliseconds(100));
  EXPECT_EQ(first->dataplane.cores, (std::vector<std::uint32_t>{3, 1}));
  EXPECT_EQ(first->control.bookmark, Duration{120'000'000'000});
  EXPECT_EQ(first->region_directory, "/tmp/x \"quoted\"");
  const std::string printed = PrintConfig(*first);
  const auto second = ParseConfig(printed, "printed");
  ASSERT_TRUE(second) << second.error() << "\n" << printed;
  EXPECT_EQ(PrintConfig(*second), printed);
  EXPECT_EQ(second->ports.size(), 2U);
  EXPECT_EQ(second->ports[0].device, first->ports[0].device);
}

TEST(Config, ConfirmationIsOneIntervalIfLeftOut) {
  const auto parsed =
      ParseConfig("[[profile]]\nid = 20\nname = \"x\"\ninterval = \"300ms\"\n", "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->profiles[20].confirmation, Milliseconds(300));
  EXPECT_EQ(parsed->profiles[20].threshold, 3U);
}

std::string WithProfile(std::string_view keys) {
  return "[[profile]]\nid = 20\nname = \"x\"\ninterval = \"1s\"\n" + std::string(keys);
}

TEST(Config, EachDetectorHasItsDefaults) {
  const auto phi = ParseConfig(WithProfile("detector = \"phi\"\n"), "f");
  ASSERT_TRUE(phi) << phi.error();
  EXPECT_EQ(phi->profiles[20].threshold, 8U);
  EXPECT_EQ(phi->profiles[20].allowance, Milliseconds(1000));
  EXPECT_EQ(phi->profiles[20].least_deviation, Milliseconds(100));
  EXPECT_EQ(phi->profiles[20].timeout, Milliseconds(30'000));
  EXPECT_THAT(ExplainProfile(phi->profiles[20]),
              HasSubstr("x: phi, suspect after 2522ms to 30s by its history (a newcomer: 3306ms), "
                        "dead 1s later"));
  const auto chen = ParseConfig(WithProfile("detector = \"chen\"\nmargin = \"200ms\"\n"), "f");
  ASSERT_TRUE(chen) << chen.error();
  EXPECT_EQ(chen->profiles[20].allowance, Milliseconds(200));
  EXPECT_EQ(chen->profiles[20].deviations, 6U);
  const auto learnt = ParseConfig(WithProfile("detector = \"learnt\"\n"), "f");
  ASSERT_TRUE(learnt) << learnt.error();
  EXPECT_EQ(
      ExplainProfile(learnt->profiles[20]),
      "x: learnt, suspect after 300ms to 30s by its history (a newcomer: 30s), dead 1s later");
  EXPECT_EQ(ExplainProfile(ParseConfig(WithProfile(""), "f")->profiles[20]),
            "x: fixed, suspect after 3s, dead 1s later");
}

TEST(Config, RefusesWhatADetectorCannotUse) {
  EXPECT_EQ(ErrorsOf(WithProfile("detector = \"gossip\"\n")),
            "f:5:12: profile.detector: \"gossip\" is not one of \"fixed\", \"phi\", \"chen\", "
            "\"learnt\"");
  EXPECT_EQ(ErrorsOf(WithProfile("margin = \"1s\"\n")),
            "f:1:1: profile.margin: means nothing to detector \"fixed\"; remove it, or choose "
            "another detector");
  EXPECT_EQ(ErrorsOf(WithProfile("detector = \"chen\"\nthreshold = 4\n")),
            "f:1:1: profile.threshold: means nothing to detector \"chen\"; remove it, or choose "
            "another detector");
  EXPECT_EQ(ErrorsOf(WithProfile("detector = \"phi\"\nlongest = \"2s\"\n")),
            "f:1:1: profile.longest: 2s is no more than the least that is allowed, 2522ms; raise "
            "it, or use detector \"fixed\"");
}

constexpr const char* kPromise =
    "[[profile]]\nid = 20\nname = \"x\"\ndetect_within = \"3s\"\n"
    "mistakes_at_most_every = \"24h\"\n";

TEST(Config, AContractIsKeptByIntervalAndMargin) {
  const auto parsed = ParseConfig(kPromise, "f");
  ASSERT_TRUE(parsed) << parsed.error();
  const Profile& profile = parsed->profiles[20];
  EXPECT_EQ(profile.detector, DetectorKind::kChen);
  EXPECT_EQ(profile.deviations, 0U);
  EXPECT_GT(profile.interval, Milliseconds(100));
  // Dead in time, ticks and all, and at the latest by what any history allows.
  EXPECT_EQ(profile.interval + profile.allowance + profile.confirmation,
            Milliseconds(3'000) - Duration{2 << 20});
  EXPECT_EQ(profile.timeout, profile.interval + profile.allowance);
  EXPECT_EQ(parsed->contracts[20].promise.recurrence, Milliseconds(86'400'000));
  EXPECT_EQ(parsed->contracts[20].promise.mistake, Milliseconds(3'000));
  EXPECT_FALSE(parsed->contracts[21].is_made());
  // Printed as a contract, and the same again.
  const std::string printed = PrintConfig(*parsed);
  EXPECT_THAT(printed, HasSubstr("detect_within = \"3s\""));
  const auto again = ParseConfig(printed, "printed");
  ASSERT_TRUE(again) << again.error() << "\n" << printed;
  EXPECT_EQ(PrintConfig(*again), printed);
  EXPECT_EQ(again->profiles[20].allowance, profile.allowance);
  EXPECT_EQ(again->contracts[20], parsed->contracts[20]);
}

TEST(Config, RefusesAContractThatIsNone) {
  const std::string promise = kPromise;
  EXPECT_EQ(ErrorsOf(promise + "threshold = 3\n"),
            "f:1:1: profile.threshold: said by the contract already; remove it, or detect_within");
  EXPECT_EQ(ErrorsOf(promise + "detector = \"phi\"\n"),
            "f:1:1: profile.detector: a contract is kept by \"chen\"; remove it, or "
            "detect_within");
  EXPECT_EQ(ErrorsOf(WithProfile("detect_within = \"3s\"\n")),
            "f:1:1: profile.mistakes_at_most_every: missing; a contract needs it beside "
            "detect_within");
  EXPECT_EQ(ErrorsOf(WithProfile("loss = 0.5\n")),
            "f:1:1: profile.loss: part of a contract, and there is none; write detect_within, or "
            "remove it");
  EXPECT_EQ(ErrorsOf("[[profile]]\nid = 20\nname = \"x\"\n"),
            "f:1:1: profile.interval: missing; only a contract can do without");
  EXPECT_EQ(ErrorsOf(promise + "loss = 1\n"),
            "f:6:8: profile.loss: needed a share from 0 to below 1, such as 0.01, found 1.0");
  EXPECT_EQ(ErrorsOf(promise + "loss = \"1%\"\n"),
            "f:6:8: profile.loss: needed a share, such as 0.01, found a string");
  EXPECT_THAT(ErrorsOf(promise + "interval = \"2s\"\n"),
              HasSubstr("f:1:1: profile.detect_within: with a loss of 0.01 and a jitter of 10ms "
                        "heartbeats every 2s promise one mistake in"));
  EXPECT_THAT(ErrorsOf(promise + "confirmation = \"2900ms\"\n"),
              HasSubstr("f:1:1: profile.confirmation: 2900ms leaves no margin; with heartbeats"));
  EXPECT_THAT(ErrorsOf(promise + "jitter = \"300s\"\n"),
              HasSubstr("no interval keeps the promise"));
}

struct Refusal {
  const char* name;
  const char* text;
  const char* error;  // all of it
};

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, SaysWhereAndWhatToDo) {
  EXPECT_EQ(ErrorsOf(GetParam().text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Config,
    RefusalTest,
    ::testing::Values(
        Refusal{"UnknownKey",
                "[dataplane]\nworkres = 2\n",
                "f:2:1: unknown key dataplane.workres; did you mean dataplane.workers?"},
        Refusal{"UnknownTable",
                "[dataplain]\n",
                "f:1:2: unknown key dataplain; did you mean "
                "dataplane?"},
        Refusal{"LineEndInKey", "\"a\\nzzzzz\" = 1\n", "f:1:1: unknown key a?zzzzz; remove it"},
        Refusal{"UnknownFarOff", "zzzzzz = 1\n", "f:1:1: unknown key zzzzzz; remove it"},
        Refusal{"WrongType",
                "[dataplane]\n  endpoints = \"many\"\n",
                "f:2:15: dataplane.endpoints: needed a whole number, found a string"},
        Refusal{"Fraction",
                "[dataplane]\nworkers = 1.5\n",
                "f:2:11: dataplane.workers: needed a whole number, found a fraction"},
        Refusal{"EndpointsZero",
                "[dataplane]\nendpoints = 0\n",
                "f:2:13: dataplane.endpoints: 0 is out of range; write 1 to 2000000000"},
        Refusal{"Negative",
                "[dataplane]\nworkers = -1\n",
                "f:2:11: dataplane.workers: -1 is out of range; write 1 to 32"},
        Refusal{"NoUnit",
                "[dataplane]\nstall = \"10\"\n",
                "f:2:9: dataplane.stall: \"10\" has no unit; write a whole number and one of ns, "
                "us, ms, s, m or h, such as \"250ms\""},
        Refusal{"BadUnit",
                "[control]\nsegment = \"64Q\"\n",
                "f:2:11: control.segment: \"64Q\" has an unknown unit; write a whole number and "
                "one of B, K, M, G or T, such as \"64M\""},
        Refusal{"BareDuration",
                "[control]\nbookmark = 5\n",
                "f:2:12: control.bookmark: needed a duration in quotes, such as \"250ms\", found "
                "a whole number"},
        Refusal{"StallTooShort",
                "[dataplane]\nstall = \"999us\"\n",
                "f:2:9: dataplane.stall: \"999us\" is out of range; write \"1ms\" to \"60s\""},
        Refusal{"CoresFewerThanWorkers",
                "[dataplane]\nworkers = 3\ncores = [1, 2]\n",
                "f:3:9: dataplane.cores: 2 cores for 3 workers; name one for each worker, or none"},
        Refusal{"CoreTwice",
                "[dataplane]\nworkers = 2\ncores = [1, 1]\n",
                "f:3:13: dataplane.cores: the same entry twice; remove one"},
        Refusal{"RingNotPowerOfTwo",
                "[dataplane]\ntransition_ring = 1000\n",
                "f:2:19: dataplane.transition_ring: 1000 is not a power of two; write 1024"},
        Refusal{"Choice",
                "[dataplane]\nidle = \"adaptve\"\n",
                "f:2:8: dataplane.idle: \"adaptve\" is not one of \"adaptive\", \"poll\"; did you "
                "mean \"adaptive\"?"},
        Refusal{"DefaultProfile",
                "[dataplane]\ndefault_profile = \"nodes\"\n",
                "f:2:19: dataplane.default_profile: \"nodes\" is not one of \"leader-election\", "
                "\"database\", \"mesh\", \"monitoring\", \"node\"; did you mean \"node\"?"},
        Refusal{"DeviceTwice",
                "[[port]]\ndevice = \"net_tap0\"\n[[port]]\ndevice = \"net_tap0,iface=x\"\n",
                "f:3:1: port.device: \"net_tap0\" is already a port; name it once"},
        Refusal{
            "NoDevice", "[[port]]\nqueues = 1\n", "f:1:1: port.device: missing; it has no default"},
        Refusal{"PortNotATable",
                "port = 5\n",
                "f:1:8: port: needed tables; write [[port]] before each"},
        Refusal{"PortSingleTable",
                "[port]\ndevice = \"x\"\n",
                "f:1:1: port: needed tables; write [[port]] before each"},
        Refusal{"SectionNotATable",
                "control = 1\n",
                "f:1:11: control: needed a table; write [control]"},
        Refusal{"BadAddress",
                "[[port]]\ndevice = \"x\"\naddresses = [\"10.0.0.256\"]\n",
                "f:3:14: port.addresses: \"10.0.0.256\" is not an IP address; write one such as "
                "\"10.0.0.1\" or \"fd00::1\""},
        Refusal{"BadListener",
                "[control]\nlisten = [\"::1:99\"]\n",
                "f:2:11: control.listen: \"::1:99\" is not an address with a port; write one such "
                "as \"127.0.0.1:17997\" or \"[::1]:17997\""},
        Refusal{"SegmentOdd",
                "[control]\nsegment = \"5000B\"\n",
                "f:2:11: control.segment: 5000B is not a multiple of 4096 bytes; write \"8K\""},
        Refusal{"RetainTooSmall",
                "[control]\nsegment = \"1M\"\nretain = \"1M\"\n",
                "f:3:10: control.retain: less than two segments of 1M; write at least \"2M\""},
        Refusal{"RelativeSocket",
                "[control]\nsocket = \"x.sock\"\n",
                "f:2:10: control.socket: \"x.sock\" is not an absolute path; begin it with /"},
        Refusal{"ProfileIdTooLow",
                "[[profile]]\nid = 5\nname = \"a\"\ninterval = \"1s\"\n",
                "f:2:6: profile.id: 5 is out of range; write 16 to 63"},
        Refusal{"ProfileIdTooHigh",
                "[[profile]]\nid = 64\nname = \"a\"\ninterval = \"1s\"\n",
                "f:2:6: profile.id: 64 is out of range; write 16 to 63"},
        Refusal{"ProfileIdTwice",
                "[[profile]]\nid = 16\nname = \"a\"\ninterval = \"1s\"\n"
                "[[profile]]\nid = 16\nname = \"b\"\ninterval = \"1s\"\n",
                "f:5:1: profile.id: 16 is already \"a\"; choose another"},
        Refusal{"ProfileNameBuiltIn",
                "[[profile]]\nid = 16\nname = \"mesh\"\ninterval = \"1s\"\n",
                "f:1:1: profile.name: \"mesh\" is already a profile; choose another"},
        Refusal{"ProfileTimeoutTooLong",
                "[[profile]]\nid = 16\nname = \"a\"\ninterval = \"12h\"\n",
                "f:1:1: profile: interval times threshold is 129600s; it has to be from 1ms to "
                "86400s"},
        Refusal{"NotToml",
                "[dataplane\n",
                "f:1:11: not TOML: Error while parsing table header: expected ']', saw '\\n'"}),
    [](const auto& refusal) { return std::string(refusal.param.name); });

TEST(Config, TellsEverythingAtOnceInTheOrderOfTheFile) {
  const std::string errors = ErrorsOf(R"([dataplane]
workers = 2
endpoints = 0
cores = [1]
[[port]]
device = "a"
[[port]]
device = "a"
[control]
retian = "1G"
)");
  EXPECT_EQ(std::ranges::count(errors, '\n'), 3);
  EXPECT_THAT(errors,
              ::testing::MatchesRegex("f:3:13: .*\nf:4:9: .*\nf:7:1: .*\nf:10:1: .*retain[?]"));
}

TEST(Config, InTheClearOnlyWhereItIsSaidInWords) {
  const auto errors_of = [](const std::string& listen, const std::string& plaintext) {
    return ErrorsOf("[control]\nlisten = [\"127.0.0.1:1\", \"" + listen + "\"]\n" +
                    (plaintext.empty() ? "" : "plaintext = \"" + plaintext + "\"\n"));
  };
  for (const std::string listen :
       {"10.0.0.1:17997", "0.0.0.0:17997", "[::]:17997", "[fd00::1]:1"}) {
    EXPECT_THAT(errors_of(listen, ""), HasSubstr("f:2:")) << listen;
    EXPECT_THAT(errors_of(listen, ""), HasSubstr("\"" + listen + "\" is not loopback")) << listen;
    EXPECT_EQ(errors_of(listen, std::string(kPlaintextWords)), "no error") << listen;
    EXPECT_THAT(errors_of(listen, "yes"), HasSubstr("f:3:13: control.plaintext: \"yes\" does not"));
  }
  for (const std::string listen : {"127.0.0.1:17997", "127.8.0.1:17997", "[::1]:17997"}) {
    EXPECT_EQ(errors_of(listen, ""), "no error") << listen;
  }
}

TEST(Config, TlsIsSpokenWhereOthersCouldListen) {
  const std::string files = "tls_certificate = \"/c\"\ntls_key = \"/k\"\n";
  const auto parsed = [](const std::string& text) {
    auto out = ParseConfig("[control]\nlisten = [\"10.0.0.1:1\", \"127.0.0.1:1\"]\n" + text, "f");
    EXPECT_TRUE(out) << out.error();
    return out.value_or(DefaultConfig()).control;
  };
  const auto by_rule = parsed(files);
  EXPECT_TRUE(IsEncrypted(by_rule, "10.0.0.1:1"));
  EXPECT_TRUE(IsEncrypted(by_rule, "[::ffff:127.0.0.1]:1"));  // more than need be, never less
  EXPECT_FALSE(IsEncrypted(by_rule, "127.0.0.1:1"));
  EXPECT_FALSE(IsEncrypted(by_rule, "[::1]:1"));
  EXPECT_TRUE(IsEncrypted(parsed(files + "tls_loopback = true\n"), "127.0.0.1:1"));
  const auto in_words = parsed("plaintext = \"" + std::string(kPlaintextWords) + "\"\n");
  EXPECT_FALSE(IsEncrypted(in_words, "10.0.0.1:1"));
}

TEST(Config, HalfOfTlsIsRefused) {
  const auto errors_of = [](const std::string& text) { return ErrorsOf("[control]\n" + text); };
  EXPECT_THAT(
      errors_of("tls_certificate = \"/c\"\n"),
      HasSubstr("f:2:19: control.tls_certificate: one of the two files for TLS; write tls_key"));
  EXPECT_THAT(errors_of("tls_key = \"/k\"\n"), HasSubstr("write tls_certificate too"));
  EXPECT_THAT(errors_of("tls_loopback = true\n"), HasSubstr("there is no certificate"));
  EXPECT_THAT(errors_of("tls_client_ca = \"/a\"\n"), HasSubstr("there is no certificate"));
  EXPECT_THAT(errors_of("tls_certificate = \"c\"\ntls_key = \"/k\"\n"),
              HasSubstr("not an absolute path"));
  EXPECT_THAT(errors_of("tls_certificate = \"/c\"\ntls_key = \"/k\"\nplaintext = \"" +
                        std::string(kPlaintextWords) + "\"\n"),
              HasSubstr("f:4:13: control.plaintext: says that all is sent in the clear, and"));
}

TEST(Config, AuthenticationIsByProfileOrAsForAll) {
  const auto parsed = ParseConfig(
      "[authentication]\nkey = \"/k\"\nmode = \"required\"\ntag_bits = 128\n"
      "[[profile]]\nid = 16\nname = \"lab\"\ninterval = \"1s\"\nauthentication = \"off\"\n"
      "[[profile]]\nid = 17\nname = \"edge\"\ninterval = \"1s\"\n",
      "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->AuthenticationOf(16), Authentication::kOff);
  EXPECT_EQ(parsed->AuthenticationOf(17), Authentication::kRequired);
  EXPECT_EQ(parsed->AuthenticationOf(5), Authentication::kRequired);
  EXPECT_EQ(parsed->authentication.tag_bits, 128U);
}

TEST(Config, AuthenticationFailsClosed) {
  EXPECT_THAT(ErrorsOf("[authentication]\nmode = \"required\"\n"),
              HasSubstr("f:2:8: authentication: a mode, but no key"));
  EXPECT_THAT(ErrorsOf("[[profile]]\nid = 16\nname = \"edge\"\ninterval = \"1s\"\n"
                       "authentication = \"accepted\"\n"),
              HasSubstr("a mode, but no key"));
  EXPECT_THAT(ErrorsOf("[authentication]\nkey = \"/k\"\n"), HasSubstr("no profile for which"));
  EXPECT_THAT(ErrorsOf("[authentication]\nkey = \"/k\"\nmode = \"accepted\"\ntag_bits = 65\n"),
              HasSubstr("write 64 or 128"));
}

TEST(Config, MissingFileSaysWhichAndWhatToDo) {
  const auto loaded = LoadConfig("/nonexistent/flatline.toml");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error(), HasSubstr("/nonexistent/flatline.toml: needed a readable file"));
  EXPECT_THAT(loaded.error(), HasSubstr("--config"));
}

TEST(Config, DirectoryIsNotAFile) {
  EXPECT_FALSE(LoadConfig("/"));
}

TEST(Units, ReadBackWhatWasPrinted) {
  for (const std::int64_t ns : {1, 999, 1'000, 1'500'000, 1'000'000'000}) {
    EXPECT_EQ(ParseDuration(PrintDuration(Duration{ns})).value(), Duration{ns});
  }
  for (const std::uint64_t bytes : {1ULL, 1023ULL, 1024ULL, 3ULL << 20, 5ULL << 40}) {
    EXPECT_EQ(ParseBytes(PrintBytes(bytes)).value(), bytes);
  }
  EXPECT_EQ(PrintDuration(Milliseconds(1'500)), "1500ms");
  EXPECT_EQ(PrintBytes(64ULL << 20), "64M");
}

TEST(Units, OverflowIsAnError) {
  EXPECT_FALSE(ParseDuration("99999999999999999999s"));
  EXPECT_FALSE(ParseDuration("9223372037s"));
  EXPECT_TRUE(ParseDuration("9223372036s"));
  EXPECT_FALSE(ParseBytes("16777216T"));
  EXPECT_FALSE(ParseDuration(""));
  EXPECT_FALSE(ParseDuration("-1s"));
  EXPECT_FALSE(ParseDuration("1 s"));
}

TEST(RegionPath, IsInTheDirectoryByInstance) {
  Config config = DefaultConfig();
  config.region_directory = "/tmp";
  config.instance = "client-test";
  EXPECT_EQ(RegionPath(config), "/tmp/flatline-client-test");
  config.region_directory = "auto";
  config.dataplane.hugepages = HugepageMode::kOff;
  EXPECT_EQ(RegionPath(config), "/dev/shm/flatline-client-test");
}

}  // namespace
}  // namespace flatline
