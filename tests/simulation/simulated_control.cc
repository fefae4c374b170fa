#include "tests/simulation/simulated_control.h"

#include "control/journal/scribe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <span>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kSector = 512;

std::vector<std::byte> BytesOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> chars((std::istreambuf_iterator<char>(in)), {});
  const auto bytes = std::as_bytes(std::span(chars));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

SimulatedControl::SimulatedControl(const RegionView& region,
                                   const Climate& climate,
                                   std::uint64_t seed,
                                   Ledger& ledger)
    : region_(region), climate_(climate), chance_(seed), ledger_(&ledger), serials_(seed << 16) {
  options_.directory = directory_.Path("journal");
  options_.segment = (climate.segment_records + 1) * sizeof(DeliveryRecord);
  // More than a part of the scribe's, as any real one: what follows the journal is fed with these.
  constexpr std::uint64_t kLeast = 2 * Scribe::kPart * sizeof(DeliveryRecord);
  options_.retain = climate.retained_segments == 0
                        ? std::uint64_t{1} << 40
                        : std::max(climate.retained_segments * options_.segment, kLeast);
  options_.sync_before_telling = climate.durability == 2;
  options_.memory = climate.memory_journal;
  options_.memory_directory = directory_.Path("memory");
  options_.allocate = [this](int descriptor, std::uint64_t bytes) {
    return Allocate(descriptor, bytes);
  };
  options_.sync = [this](const Segment& segment) {
    SaySynced(segment);
    return 0;
  };
}

SimulatedControl::~SimulatedControl() {
  Drop();
}

int SimulatedControl::Allocate(int descriptor, std::uint64_t bytes) {
  if (service_) {
    ledger_->Audit(service_->journal());  // amid an append, nothing may be given back yet
  }
  if (Strikes(climate_.kills_in_allocation)) {
    throw Died{};
  }
  return disk_error_ != 0 ? disk_error_
                          : ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
}

void SimulatedControl::Heal() {
  healed_ = true;
  disk_error_ = 0;
  starts_at_ = {};
  resumes_at_ = {};
}

// As after a kill: nothing is said to anybody, and what is in the files stays as it is.
void SimulatedControl::Drop() {
  for (const auto& line : lines_) {
    line->session = nullptr;
    line->to_server.clear();
  }
  lines_.clear();
  syncing_.reset();
  outlet_.reset();
  service_.reset();
}

void SimulatedControl::Die(Instant now) {
  Drop();
  ++deaths_;
  starts_at_ = now + chance_.Between(Milliseconds(1), Milliseconds(300));
}

void SimulatedControl::Start(Instant now) {
  try {
    Begin(now);
  } catch (const Died&) {
    Die(now);
  }
}

void SimulatedControl::Begin(Instant now) {
  Journal::Findings findings;
  auto journal = Journal::Open(options_, findings);
  if (!journal && disk_error_ != 0) {
    starts_at_ = now + Milliseconds(50);  // as its service manager has it
    return;
  }
  if (!journal) {
    faults_.push_back("control: " + journal.error());
    starts_at_ = Instant::max();
    return;
  }
  if (std::exchange(had_power_cut_, false)) {
    if (keeps_numbers() && (*journal)->newest() < told_) {
      faults_.push_back("control: " + std::to_string(told_) +
                        " was told and may be given out again");
    }
    ledger_->CheckSurvived(**journal);
    told_ = std::min(told_, (*journal)->newest());
  } else {
    ledger_->CheckReopened(**journal);
  }
  auto cursors = Cursors::Open(CursorsPath(), Milliseconds(1'000'000));
  FLATLINE_CHECK(cursors.has_value());
  const std::uint64_t newest = (*journal)->newest();
  service_ = std::make_unique<Service>(ServiceOptions{.bookmark = Milliseconds(100),
                                                      .subscribers = 64,
                                                      .first_serial = ++serials_ << 20,
                                                      .flapping = flapping()},
                                       std::move(*journal));
  service_->KeepCursors(std::move(*cursors));
  auto maintenance = Maintenance::Open(CursorsPath() + "-maintenance");
  FLATLINE_CHECK(maintenance.has_value());
  service_->KeepMaintenance(std::move(*maintenance));
  auto damping = Damping::Open(CursorsPath() + "-flapping", flapping(), newest);
  FLATLINE_CHECK(damping.has_value());
  service_->KeepDamping(std::move(*damping));
  outlet_ = std::make_unique<Outlet>(
      *service_, [](const std::function<void()>& task) { task(); }, std::make_shared<Bell>([this] {
        is_asleep_ = false;
      }));
  is_asleep_ = false;
  service_->Join(region_);
  resumes_at_ = now;
}

std::shared_ptr<Line> SimulatedControl::Connect(Instant now) {
  if (!is_alive() || now < resumes_at_) {
    return nullptr;
  }
  lines_.push_back(std::make_shared<Line>());
  lines_.back()->session = &outlet_->Open(Session::Origin::kLocal, now);
  return lines_.back();
}

void SimulatedControl::Step(Instant now, WallInstant wall) {
  if (!is_alive()) {
    if (now >= starts_at_) {
      Start(now);
    }
    return;
  }
  if (now < resumes_at_) {
    return;
  }
  try {
    switch (chance_.Below(5)) {
      case 0:
      case 1:
        Serve(now, wall);
        break;
      case 2:
      case 3:
        Publish(now, wall);
        break;
      default:
        Sync();
    }
  } catch (const Died&) {
    Die(now);
    return;
  }
  told_ = std::max(told_, service_->readable().newest());
  if (Strikes(climate_.disk_troubles)) {
    disk_error_ = disk_error_ != 0 ? 0 : (chance_.OneIn(2) ? ENOSPC : EIO);
  }
  if (Strikes(climate_.control_kills)) {
    Die(now);
  } else if (Strikes(climate_.control_pauses)) {
    resumes_at_ = now + chance_.Between(Milliseconds(5), Milliseconds(200));
  }
}

void SimulatedControl::Serve(Instant now, WallInstant wall) {
  if (const auto turned = service_->Turn(now, wall); !turned) {
    faults_.push_back("control: " + turned.error());
  }
  ledger_->Audit(service_->journal());
  CheckAwake();
}

// What is done for the publisher leaves it awake, or has nothing for it.
void SimulatedControl::CheckAwake() {
  if (is_asleep_ && outlet_->has_work()) {
    faults_.push_back("control: the publisher sleeps, and there is something to be told");
  }
}

void SimulatedControl::Publish(Instant now, WallInstant wall) {
  bool has_come = false;
  for (auto at = lines_.begin(); at != lines_.end();) {
    Line& line = **at;
    has_come = MoveBytes(line, now, wall) || has_come;
    if (line.is_hung_up || line.session->finished()) {
      outlet_->Close(*line.session);
      line.session = nullptr;
      at = lines_.erase(at);
    } else {
      ++at;
    }
  }
  if (is_asleep_ && !has_come && now < outlet_->next_turn()) {
    return;
  }
  outlet_->bell()->GetUp();
  outlet_->Turn(now, wall);
  outlet_->bell()->LieDown();
  is_asleep_ = !outlet_->has_work();
}

bool SimulatedControl::MoveBytes(Line& line, Instant now, WallInstant wall) {
  bool has_moved = false;
  if (!line.to_server.empty() && line.session->wants_bytes()) {
    const std::size_t piece =
        std::min<std::size_t>(line.to_server.size(), 1 + chance_.Below(climate_.most_piece));
    line.session->Receive(std::span(line.to_server).first(piece), now, wall);
    line.to_server.erase(line.to_server.begin(),
                         line.to_server.begin() + static_cast<std::ptrdiff_t>(piece));
    has_moved = true;
  }
  const auto ready = line.session->ready();
  const std::size_t room = kMostUnread - std::min(kMostUnread, line.to_client.size());
  const std::size_t piece = std::min({ready.size(), room, 1 + chance_.Below(climate_.most_piece)});
  if (!ready.empty() && piece != 0 && !line.is_hung_up) {
    const auto taken = ready.first(piece);
    line.to_client.insert(line.to_client.end(), taken.begin(), taken.end());
    line.session->Sent(piece, now);
    has_moved = true;
  }
  return has_moved;
}

// One sync at a time, asked for at one step and done at a later one.
void SimulatedControl::Sync() {
  if (climate_.durability == 0) {
    return;
  }
  Journal& journal = service_->journal();
  if (!syncing_) {
    if (climate_.durability == 2 || chance_.OneIn(20)) {
      syncing_ = journal.SyncTarget();
    }
    return;
  }
  if (disk_error_ == EIO) {
    journal.SyncFailed(EIO);
    has_failed_sync_ = true;
  } else {
    SaySynced(*syncing_);
    journal.Synced();
  }
  service_->RingBells();
  syncing_.reset();
  CheckAwake();
}

void SimulatedControl::SaySynced(const Segment& segment) {
  if (segment.is_in_memory()) {
    return;
  }
  const auto records = std::as_bytes(segment.records());
  const std::byte* const header = records.data() - sizeof(SegmentHeader);
  on_disk_[segment.path()].assign(header, header + records.size() + sizeof(SegmentHeader));
  if (is_alive()) {  // else it is being opened, and the ledger has not seen it yet
    ledger_->SaySafe(segment.first(), segment.end() - 1);
  }
}

void SimulatedControl::LosePower() {
  Drop();
  ++deaths_;
  had_power_cut_ = true;
  starts_at_ = Instant::max();
  disk_error_ = 0;
  std::filesystem::remove_all(options_.memory_directory);
  if (!keeps_numbers()) {
    std::filesystem::remove(CursorsPath());  // they name numbers that no longer mean anything
  }
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
    if (entry.path().extension() == ".journal") {
      paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  for (const std::string& path : paths) {
    LosePowerOf(path);
  }
}

// Of each sector the disk has what it was when it was last synced, or what it has become since; of
// a file that was never synced perhaps nothing.
void SimulatedControl::LosePowerOf(const std::string& path) {
  std::vector<std::byte> bytes = BytesOf(path);
  const auto synced = on_disk_.find(path);
  if (synced == on_disk_.end() && chance_.OneIn(3)) {
    std::filesystem::remove(path);
    return;
  }
  std::vector<std::byte> before =
      synced == on_disk_.end() ? std::vector<std::byte>(bytes.size()) : synced->second;
  before.resize(bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += kSector) {
    const std::size_t size = std::min(kSector, bytes.size() - at);
    if (chance_.OneIn(2)) {
      std::memcpy(bytes.data() + at, before.data() + at, size);
    }
  }
  if (synced == on_disk_.end() && chance_.OneIn(4)) {
    bytes.resize(chance_.Below(bytes.size() + 1));
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  on_disk_[path] = bytes;
}

}  // namespace flatline
