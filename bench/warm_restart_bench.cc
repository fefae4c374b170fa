// A region full of endpoints, and a dataplane over it that is killed, or told to stop, and started
// anew, several times: the time from the last turn of the one to the first turn of the next. Turns
// are seen in the region, every 0.2 ms. Started by warm_restart.py, which makes the configuration
// and cleans up. Prints rows `trust.warm_restart_*`; fails if anybody was suspected or lost.
//
// trust.warm_restart_own_seconds is the whole time less what EAL and the drivers take of it by the
// dataplane's own log: the end of the old process, exec and the dynamic linker, the region, index,
// slots and wheel, threads. Not measured: frames that come meanwhile, and first visits of the
// wheel, which are spread over the turns after the first.
#include "dataplane/housekeeping.h"
#include "dataplane/shared_region.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace flatline {
namespace {

constexpr std::chrono::microseconds kLook{200};
constexpr std::chrono::seconds kPatience{60};

Instant Now() {
  return Instant{
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Everybody alive and heard just now, as a dataplane that ends now leaves them.
void Fill(const RegionView& region, std::uint64_t endpoints) {
  const RegionShape& shape = region.shape();
  RegionHeader& header = region.header();
  const std::int64_t now = Now().time_since_epoch().count();
  std::vector<Slot> next(shape.workers);
  for (unsigned worker = 0; worker < shape.workers; ++worker) {
    next[worker] = worker * shape.slots_per_worker;
  }
  for (EndpointId id = 1; id <= endpoints; ++id) {
    const unsigned worker = ShardOf(HashEndpoint(id, header.hash_key), shape.workers);
    EndpointRecord& record = region.records()[next[worker]++];
    record.heard = Heard{StampOf(HearingInstant{Duration{now}}), 1}.Pack();
    record.incarnation = 1;
    record.state =
        EndpointState{
            Liveness::kAlive, Health::kReady, static_cast<ProfileId>(header.default_profile.load())}
            .Pack();
    record.id = id;
  }
  header.horizon_ns = now;
  header.accounted_ns = now;
}

class Restarts {
 public:
  struct Round {
    double gap = 0;
    double foreign = 0;  // EAL and the drivers
    double table = 0;
    double region = 0;
  };

  Restarts(std::string dataplane, std::string config, std::string log)
      : dataplane_(std::move(dataplane)), config_(std::move(config)), log_(std::move(log)) {
    const auto config_read = LoadConfig(config_);
    if (!config_read) {
      throw std::runtime_error(config_read.error());
    }
    endpoints_ = config_read->dataplane.endpoints;
    const WallInstant wall{
        std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())};
    auto region = SharedRegion::Open(*config_read, true, wall);
    if (!region) {
      throw std::runtime_error(region.error());
    }
    Fill(region->view(), endpoints_);
    region->MarkStopped();
    Look(region->path());
    is_huge_ = region->on_hugepages();
  }

  ~Restarts() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }

  Restarts(const Restarts&) = delete;
  Restarts& operator=(const Restarts&) = delete;

  void Start() {
    logged_ = static_cast<std::size_t>(std::ifstream(log_, std::ios::ate).tellg());
    child_ = ::fork();
    if (child_ != 0) {
      return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log < 0) {
      ::_exit(126);
    }
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execl(dataplane_.c_str(),
            dataplane_.c_str(),
            "--config",
            config_.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }

  // How many turns each worker has taken.
  [[nodiscard]] std::vector<std::uint64_t> Turns() const {
    std::vector<std::uint64_t> out(view_->shape().workers);
    for (unsigned worker = 0; worker < out.size(); ++worker) {
      out[worker] = view_->dataplane().progress[worker].turns.load(std::memory_order_acquire);
    }
    return out;
  }

  // Until every worker of the process has turned: when the last of them was seen to.
  [[nodiscard]] Instant AwaitTurns(const std::vector<std::uint64_t>& before) const {
    const Instant give_up = Now() + kPatience;
    for (;;) {
      const Instant now = Now();
      const std::vector<std::uint64_t> turns = Turns();
      bool all = true;
      for (std::size_t worker = 0; worker < turns.size(); ++worker) {
        all = all && turns[worker] != before[worker];
      }
      if (all) {
        return now;
      }
      if (::waitpid(child_, nullptr, WNOHANG) != 0 || Now() > give_up) {
        throw std::runtime_error("the dataplane did not begin to turn; its log:\n" + Logged());
      }
      std::this_thread::sleep_for(kLook);
    }
  }

  // Ends the one that runs and starts another.
  Round Restart(int signal) {
    ::kill(child_, signal);
    ::waitpid(child_, nullptr, 0);
    std::int64_t last = 0;
    for (unsigned worker = 0; worker < view_->shape().workers; ++worker) {
      last = std::max(last, view_->dataplane().progress[worker].turn_ns.load());
    }
    const std::vector<std::uint64_t> turns = Turns();
    Start();
    const Instant first = AwaitTurns(turns);
    Round out{.gap = Seconds(first - Instant{Duration{last}})};
    AwaitLine(out);
    Check();
    return out;
  }

  [[nodiscard]] std::uint64_t endpoints() const { return endpoints_; }

  [[nodiscard]] bool is_huge() const { return is_huge_; }

 private:
  void Look(const std::string& path) {
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) {
      throw std::runtime_error(path + ": cannot be opened");
    }
    const auto bytes = static_cast<std::size_t>(::lseek(file_, 0, SEEK_END));
    void* const at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file_, 0);
    if (at == MAP_FAILED) {
      throw std::runtime_error(path + ": cannot be looked at");
    }
    view_ = std::make_unique<RegionView>(static_cast<std::byte*>(at),
                                         static_cast<const RegionHeader*>(at)->shape);
  }

  [[nodiscard]] std::string Logged() const {
    std::ifstream file(log_);
    file.seekg(static_cast<std::streamoff>(logged_));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // What the process says of its start.
  void AwaitLine(Round& round) const {
    static const std::regex line(
        "started in [0-9.]+ s: region ([0-9.]+), EAL ([0-9.]+), ports ([0-9.]+), table ([0-9.]+)");
    const Instant give_up = Now() + kPatience;
    std::smatch found;
    std::string logged;
    for (logged = Logged(); !std::regex_search(logged, found, line); logged = Logged()) {
      if (Now() > give_up) {
        throw std::runtime_error("the dataplane does not say how it started:\n" + logged);
      }
      std::this_thread::sleep_for(kLook);
    }
    round.region = std::stod(found[1]);
    round.foreign = std::stod(found[2]) + std::stod(found[3]);
    round.table = std::stod(found[4]);
  }

  // Housekeeping has published what adoption found.
  void Check() const {
    const auto sum = [this](Counter counter) {
      std::uint64_t out = 0;
      for (unsigned worker = 0; worker < view_->shape().workers; ++worker) {
        out += view_->dataplane().counters[worker][counter];
      }
      return out;
    };
    const Instant give_up = Now() + kPatience;
    std::vector<std::uint64_t> later = Turns();
    std::ranges::for_each(later, [](std::uint64_t& turns) { turns += 2 * kHousekeepingTurns; });
    while (!std::ranges::equal(Turns(), later, std::ranges::greater{}) && Now() < give_up) {
      std::this_thread::sleep_for(kLook);
    }
    if (sum(Counter::kAlive) != endpoints_) {
      throw std::runtime_error(std::to_string(sum(Counter::kAlive)) + " are alive, not all");
    }
    if (sum(Counter::kSuspicions) != 0) {
      throw std::runtime_error("somebody was suspected");
    }
  }

  std::string dataplane_;
  std::string config_;
  std::string log_;
  std::uint64_t endpoints_ = 0;
  std::unique_ptr<RegionView> view_;
  int file_ = -1;
  bool is_huge_ = false;
  pid_t child_ = -1;
  std::size_t logged_ = 0;
};

double Median(std::vector<Restarts::Round> rounds, double Restarts::Round::* member) {
  std::ranges::sort(rounds, {}, member);
  return rounds[rounds.size() / 2].*member;
}

void Row(const char* name, double value, const char* unit) {
  std::printf("trust.warm_restart_%s %.3g %s\n", name, value, unit);
}

void PrintRows(const std::vector<Restarts::Round>& killed,
               const std::vector<Restarts::Round>& stopped) {
  using Round = Restarts::Round;
  std::vector<double> own;
  own.reserve(killed.size());
  for (const Round& round : killed) {
    own.push_back(round.gap - round.foreign);
  }
  std::ranges::sort(own);
  Row("seconds", Median(killed, &Round::gap), "s");
  Row("longest_seconds", std::ranges::max(killed, {}, &Round::gap).gap, "s");
  Row("after_stop_seconds", Median(stopped, &Round::gap), "s");
  Row("own_seconds", own[own.size() / 2], "s");
  Row("own_longest_seconds", own.back(), "s");
  Row("region_seconds", Median(killed, &Round::region), "s");
  Row("table_seconds", Median(killed, &Round::table), "s");
}

void Run(const std::vector<std::string>& words) {
  Restarts restarts(words[0], words[1], words[2]);
  Row("endpoints", static_cast<double>(restarts.endpoints()), "1");
  Row("on_hugepages", restarts.is_huge() ? 1 : 0, "1");
  const std::vector<std::uint64_t> none = restarts.Turns();
  restarts.Start();
  static_cast<void>(restarts.AwaitTurns(none));
  std::vector<Restarts::Round> killed;
  std::vector<Restarts::Round> stopped;
  const auto rounds = std::stoul(words[3]);
  while (killed.size() < rounds) {
    killed.push_back(restarts.Restart(SIGKILL));
    stopped.push_back(restarts.Restart(SIGTERM));
  }
  PrintRows(killed, stopped);
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() != 4) {
    std::fputs("usage: warm_restart_bench DATAPLANE CONFIG LOG ROUNDS\n", stderr);
    return 2;
  }
  try {
    flatline::Run(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "warm_restart_bench: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
