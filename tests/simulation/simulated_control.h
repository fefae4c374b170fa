// Control in a simulated world: the real service, journal, outlet and sessions, turned step by step
// on invented time, with a publisher that sleeps as the real one does, a disk that refuses, and
// deaths between any two steps and amid an append. Its connections are two buffers of bytes. One
// thread. Journals lie in a directory of /dev/shm, removed with the object.
#pragma once

#include "control/delivery/cursors.h"
#include "control/delivery/outlet.h"
#include "control/service.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/climate.h"
#include "tests/simulation/ledger.h"
#include "tests/temporary_directory.h"

#include <flatline/region.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace flatline {

// One connection. Its bytes outlive control in `to_client`, as they do in a kernel.
struct Line {
  Session* session = nullptr;  // null: closed by control, or control is dead
  std::vector<std::byte> to_server;
  std::vector<std::byte> to_client;
  bool is_hung_up = false;  // by the client, who never looks at it again
};

class SimulatedControl {
 public:
  // Bytes that lie in a connection and have not been read.
  static constexpr std::size_t kMostUnread = 16'384;

  SimulatedControl(const RegionView& region,
                   const Climate& climate,
                   std::uint64_t seed,
                   Ledger& ledger);
  ~SimulatedControl();
  SimulatedControl(const SimulatedControl&) = delete;
  SimulatedControl& operator=(const SimulatedControl&) = delete;

  // One step of it: a turn of the service, of the publisher, of the disk. While dead: nothing, and
  // then it starts.
  void Step(Instant now, WallInstant wall);

  // A new connection, or null: nobody is listening. Valid until hung up.
  [[nodiscard]] std::shared_ptr<Line> Connect(Instant now);

  // The machine has no power: what is in memory is gone, and of files what was not synced, as
  // chance will have it. It starts again when it is told to.
  void LosePower();
  void Start(Instant now);

  // From now on nothing happens to it.
  void Heal();

  [[nodiscard]] bool is_alive() const { return service_ != nullptr; }

  // No number that was told is given out again, though power be lost: unless a sync failed, since
  // when subscribers are told all the same.
  [[nodiscard]] bool keeps_numbers() const { return climate_.durability == 2 && !has_failed_sync_; }

  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  struct Died {};  // thrown where it dies amid a call

  [[nodiscard]] std::string CursorsPath() const { return directory_.Path("cursors"); }

  [[nodiscard]] FlapSettings flapping() const {
    return climate_.flaps != 0 ? kSimulatedFlapping : FlapSettings{};
  }

  [[nodiscard]] int Allocate(int descriptor, std::uint64_t bytes);
  void Begin(Instant now);
  void Die(Instant now);
  void Drop();
  void Serve(Instant now, WallInstant wall);
  void Publish(Instant now, WallInstant wall);
  [[nodiscard]] bool MoveBytes(Line& line, Instant now, WallInstant wall);
  void Sync();
  void SaySynced(const Segment& segment);
  void CheckAwake();
  void LosePowerOf(const std::string& path);

  [[nodiscard]] bool Strikes(std::uint64_t one_in) {
    return !healed_ && one_in != 0 && chance_.OneIn(one_in);
  }

  RegionView region_;
  Climate climate_;
  Chance chance_;
  Ledger* ledger_;
  TemporaryDirectory directory_{"/dev/shm"};
  JournalOptions options_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Outlet> outlet_;
  std::list<std::shared_ptr<Line>> lines_;
  bool is_asleep_ = false;  // the publisher
  std::shared_ptr<const Segment> syncing_;
  std::map<std::string, std::vector<std::byte>> on_disk_;  // each file as it was last synced
  std::uint64_t told_ = 0;                                 // the last that may have been told, ever
  std::uint64_t serials_ = 1;
  int disk_error_ = 0;  // what the disk says to whoever wants room
  Instant starts_at_{};
  Instant resumes_at_{};
  bool had_power_cut_ = false;
  bool has_failed_sync_ = false;
  bool healed_ = false;
  std::uint64_t deaths_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace flatline
