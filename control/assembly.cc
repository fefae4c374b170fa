#include "control/assembly.h"

#include "control/background.h"
#include "control/clock.h"
#include "control/contracts/contract_watch.h"
#include "control/control_loop.h"
#include "control/patient_thread.h"
#include "control/tls/credentials.h"
#include "control/uring/publisher_thread.h"
#include "control/vigil.h"

#include <flatline/confinement.h>
#include <flatline/supervisor.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <malloc.h>
#include <memory>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <system_error>
#include <utility>
#include <vector>
#include <xxhash.h>

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

namespace flatline {
namespace {

using Publishers = std::vector<std::unique_ptr<uring::PublisherThread>>;

// The journal's own, though many journals be on this machine.
std::string MemoryDirectoryOf(const std::string& journal) {
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(journal, error);
  return fmt::format("/dev/shm/flatline-journal-{:016x}",
                     XXH3_64bits(path.c_str(), path.native().size()));
}

std::expected<std::unique_ptr<Journal>, std::string> OpenJournal(const ControlConfig& config) {
  Journal::Findings findings;
  auto journal =
      Journal::Open({.directory = config.journal,
                     .segment = config.segment,
                     .retain = config.retain,
                     .retain_age = config.retain_age,
                     .sync_before_telling = config.durability == Durability::kBeforeSending,
                     .memory = config.memory_journal,
                     .memory_directory = MemoryDirectoryOf(config.journal)},
                    findings);
  std::ranges::for_each(findings, [](const std::string& text) { spdlog::error("{}", text); });
  if (journal) {
    spdlog::info(
        "journal {}: {} to {}", config.journal, (*journal)->oldest(), (*journal)->newest());
  }
  return journal;
}

MassFailureSettings SettingsOf(const MassFailureConfig& config) {
  return {.group_share_ppm = config.group_share_ppm,
          .fleet_share_ppm = config.fleet_share_ppm,
          .least_endpoints = config.least_endpoints,
          .window = config.window};
}

std::expected<Publishers, std::string> StartPublishers(std::uint32_t count,
                                                       Service& service,
                                                       const uring::Elsewhere& elsewhere) {
  Publishers out;
  while (out.size() < count) {
    auto publisher = uring::PublisherThread::Start(service, elsewhere);
    if (!publisher) {
      return std::unexpected(std::move(publisher.error()));
    }
    out.push_back(std::move(*publisher));
  }
  return out;
}

// Each send over TLS takes buffers and gives them back. Their pages stay: asking the kernel for
// them anew cost more than to encrypt. These are the bounds that the allocator itself moves up to.
// To be called before there is another thread.
void KeepFreedPages() {
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // NOLINT(concurrency-mt-unsafe)
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);  // NOLINT(concurrency-mt-unsafe)
}

// Null: there is no TLS. Read anew with the tokens.
std::expected<std::unique_ptr<TlsCredentials>, std::string> LoadCredentials(
    const ControlConfig& config, Service& service) {
  if (config.tls_certificate.empty()) {
    return nullptr;
  }
  if (::prctl(PR_SET_DUMPABLE, 0UL) != 0) {
    return std::unexpected("control.tls_key: needed to be left out of core dumps, found " +
                           std::generic_category().message(errno) + "; allow prctl");
  }
  auto out = TlsCredentials::Load({.certificate = config.tls_certificate,
                                   .key = config.tls_key,
                                   .client_ca = config.tls_client_ca},
                                  ReadWall());
  if (out) {
    spdlog::info("TLS 1.3 by {}", (*out)->current()->description());
    service.OnReload([credentials = out->get()] { return credentials->Reload(ReadWall()); });
  }
  return out;
}

// Where it was on and is off now, too: who is still suppressed is to be told of again.
std::expected<void, std::string> KeepDamping(const Config& config,
                                             std::uint64_t newest,
                                             Service& service) {
  const std::string path = config.control.journal + "/flapping";
  if (!config.flapping.damps() && !std::filesystem::exists(path)) {
    return {};
  }
  auto damping = Damping::Open(path, config.flapping, newest);
  if (!damping) {
    return std::unexpected(std::move(damping.error()));
  }
  service.KeepDamping(std::move(*damping));
  return {};
}

// Where no profile has a contract, nothing; a file of one that had is left as it is.
std::expected<void, std::string> WatchContracts(const Config& config,
                                                std::uint64_t newest,
                                                Service& service) {
  if (std::ranges::none_of(config.contracts, &Contract::is_made)) {
    return {};
  }
  auto record = TrackRecord::Open(
      config.control.journal + "/contracts", config.contracts, newest, ReadWall());
  if (!record) {
    return std::unexpected(std::move(record.error()));
  }
  service.WatchContracts(std::make_unique<ContractWatch>(config, std::move(*record)));
  return {};
}

std::expected<void, std::string> ConfineAsNeeded(const Config& config) {
  if (!config.confine) {
    spdlog::warn("not confined: system calls are kept, as configured");
    return {};
  }
  // The first work in parallel loads TBB's own libraries, which nobody can later.
  tbb::parallel_for(0, 1024, [](int) {});
  tbb::task_arena().execute([] { tbb::parallel_for(0, 1024, [](int) {}); });
  return Confine({.program = ConfinedProgram::kControl});
}

}  // namespace

std::expected<void, std::string> RunControl(const Config& config, Wishes& wishes) {
  if (!config.control.tls_certificate.empty()) {
    KeepFreedPages();
  }
  auto journal = OpenJournal(config.control);
  if (!journal) {
    return std::unexpected(std::move(journal.error()));
  }
  const std::uint64_t newest = (*journal)->newest();
  const auto serial = std::chrono::system_clock::now().time_since_epoch().count() >> 10;
  Service service({.bookmark = config.control.bookmark,
                   .subscribers = config.control.subscribers,
                   .first_serial = static_cast<std::uint64_t>(serial),
                   .roster = config.control.roster,
                   .tokens = config.control.tokens,
                   .mass_failures = SettingsOf(config.mass_failure),
                   .flapping = config.flapping},
                  std::move(*journal));
  auto cursors = Cursors::Open(config.control.journal + "/cursors", config.control.cursor_expiry);
  if (!cursors) {
    return std::unexpected(std::move(cursors.error()));
  }
  service.KeepCursors(std::move(*cursors));
  auto maintenance = Maintenance::Open(config.control.journal + "/maintenance");
  if (!maintenance) {
    return std::unexpected(std::move(maintenance.error()));
  }
  service.KeepMaintenance(std::move(*maintenance));
  if (auto damped = KeepDamping(config, newest, service); !damped) {
    return damped;
  }
  if (auto watched = WatchContracts(config, newest, service); !watched) {
    return watched;
  }
  Background background;
  PatientThread handshakes("handshakes");
  const auto publishers =
      StartPublishers(config.control.publishers, service, {background.run(), handshakes.run()});
  if (!publishers) {
    return std::unexpected(publishers.error());
  }
  Vigil vigil(Supervisor::FromEnvironment());
  std::vector<uring::OutletServer*> outlets;
  for (const auto& publisher : *publishers) {
    outlets.push_back(&publisher->server());
    vigil.Watch(publisher->turn_ns());
  }
  const auto credentials = LoadCredentials(config.control, service);
  if (!credentials) {
    return std::unexpected(credentials.error());
  }
  auto server = uring::Server::Create(config.control, std::move(outlets), credentials->get());
  if (!server) {
    return std::unexpected(std::move(server.error()));
  }
  if (auto confined = ConfineAsNeeded(config); !confined) {
    return confined;
  }
  vigil.Begin();
  auto ended = ControlLoop(config, service, **server, vigil).Run(wishes);
  vigil.End();
  return ended;
}

}  // namespace flatline
