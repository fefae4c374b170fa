// A whole engine of two workers over ports of memory, in invented time: for the tests of what many
// endpoints do together. A fixture; what beats, and what becomes of what is told, is the test's.
#pragma once

#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/command_ring.h>
#include <flatline/time.h>

#include <array>
#include <map>
#include <memory>

#include <gtest/gtest.h>

namespace flatline {

class TwoWorkersTest : public testing::Test {
 protected:
  explicit TwoWorkersTest(const Config& config) : region_(config) { Start(); }

  // At first, or in the place of an engine that is gone, and what lay in its queues with it.
  void Start() {
    engine_ = std::move(Engine::Create(region_.view(), {}, now_).value());
    for (unsigned w = 0; w < 2; ++w) {
      ports_[w].source.Clear();
      engine_->Attach(w, ports_[w].attachment());
    }
  }

  void Give(unsigned worker, const Command& command) {
    const RegionView& view = region_.view();
    SharedRing<Command> out(view.control().command_heads[worker],
                            view.dataplane().command_tails[worker],
                            view.commands(worker));
    ASSERT_TRUE(out.TryPush(command));
  }

  void Enrol(EndpointId id, Group group, ProfileId profile) {
    Give(OwnerOf(id), {.id = id, .group = group, .profile = profile, .kind = CommandKind::kEnrol});
  }

  void Retire(EndpointId id) { Give(OwnerOf(id), {.id = id, .kind = CommandKind::kRetire}); }

  void Beat(EndpointId id, Health health = Health::kUnknown) {
    ports_[id % 2].source.Put(testing_frames::HeartbeatFrame(
        {.id = id, .incarnation = 1, .sequence = ++sequence_[id], .health = health}));
  }

  // One turn of each worker, the leader's last; `told` takes each transition.
  template <typename Told>
  void Turn(const Told& told) {
    for (unsigned w : {1U, 0U}) {
      engine_->worker(w).Receive();
      engine_->worker(w).Turn(now_);
      TransitionConsumer control(region_.view().dataplane().transition_heads[w],
                                 region_.view().control().transition_tails[w],
                                 region_.view().transitions(w));
      for (std::uint64_t i = control.tail(); i < control.head(); ++i) {
        told(control.At(i));
      }
      control.Release(control.head());
      region_.view().control().result_tails[w].value.store(
          region_.view().dataplane().result_heads[w].value.load());
    }
  }

  Instant now_{Milliseconds(1000)};
  PlainRegion region_;
  std::unique_ptr<Engine> engine_;

 private:
  [[nodiscard]] unsigned OwnerOf(EndpointId id) const {
    return ShardOf(HashEndpoint(id, region_.view().header().hash_key), 2);
  }

  std::array<FakePort, 2> ports_;
  std::map<EndpointId, std::uint32_t> sequence_;
};

}  // namespace flatline
