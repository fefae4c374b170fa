// A command, run once for each batch with the batch's lines on its standard input. Taken when it
// exits with status 0; it is not taken when it is killed, or takes longer than its time, after
// which its process group is killed. The environment tells FLATLINE_KEY, FLATLINE_FIRST and
// FLATLINE_LAST. No shell: the words are the program and its arguments. Costs a process a batch.
#pragma once

#include "control/sinks/sink.h"

#include <flatline/time.h>

#include <string>
#include <vector>

namespace flatline::sinks {

class CommandSink final : public Sink {
 public:
  CommandSink(std::vector<std::string> words, Duration time_limit)
      : words_(std::move(words)), time_limit_(time_limit) {}

  [[nodiscard]] Answer Deliver(const Batch& batch) override;

 private:
  std::vector<std::string> words_;
  Duration time_limit_;
};

}  // namespace flatline::sinks
