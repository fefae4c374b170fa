#include "control/cli/top.h"

#include "control/cli/observation.h"
#include "control/cli/status_text.h"
#include "control/region/region_file.h"

#include <flatline/config.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <ncurses.h>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>

namespace flatline::cli {
namespace {

struct Options {
  bool once = false;
  std::string interval = "1s";
};

Observation Look(const MappedRegion& region) {
  return Observe(region.view(), region.path(), MonotonicNow());
}

// The terminal, restored however we leave.
class Screen {
 public:
  Screen() : screen_(::isatty(STDIN_FILENO) != 0 ? ::newterm(nullptr, stdout, stdin) : nullptr) {
    if (screen_ != nullptr) {
      ::cbreak();
      ::noecho();
      ::curs_set(0);
      ::keypad(stdscr, TRUE);
    }
  }

  ~Screen() {
    if (screen_ != nullptr) {
      ::endwin();
      ::delscreen(screen_);
    }
  }

  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] bool works() const noexcept { return screen_ != nullptr; }

  static void Show(const Observation& now, const Observation& before) {
    ::erase();
    int row = 0;
    for (const std::string& line : TopFrame(now, before, {.rows = LINES, .columns = COLS})) {
      ::mvaddnstr(row++, 0, line.c_str(), static_cast<int>(line.size()));
    }
    ::refresh();
  }

  // False when it was q; waits for a key as long as `interval`.
  static bool Wait(Duration interval) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(interval).count();
    ::timeout(static_cast<int>(std::clamp<std::int64_t>(ms, 50, 60'000)));
    const int key = ::getch();
    return key != 'q' && key != 'Q';
  }

 private:
  SCREEN* screen_;
};

ExitCode RunOnce(const MappedRegion& region, Duration interval, const Invocation& invocation) {
  const Observation before = Look(region);
  std::this_thread::sleep_for(interval);
  const Observation now = Look(region);
  if (invocation.json) {
    invocation.out << StatusJson(now, before).dump() << "\n";
    return ExitCode::kOk;
  }
  for (const std::string& line : TopFrame(now, before, {})) {
    invocation.out << line << "\n";
  }
  return ExitCode::kOk;
}

ExitCode RunLive(MappedRegion region, Duration interval, const Invocation& invocation) {
  const Screen screen;
  if (!screen.works()) {
    return invocation.Fail(
        ExitCode::kFailed,
        "needed a terminal for input that curses knows, found none; set TERM, or use "
        "--once");
  }
  Observation before = Look(region);
  do {
    if (region.IsReplaced()) {
      if (auto next = invocation.JoinRegion()) {
        region = std::move(*next);
        before = Look(region);
      }
    }
    Observation now = Look(region);
    Screen::Show(now, before);
    before = std::move(now);
  } while (Screen::Wait(interval));
  return ExitCode::kOk;
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  const Duration interval = ParseDuration(options.interval).value_or(Duration{1'000'000'000});
  return options.once || invocation.json ? RunOnce(*region, interval, invocation)
                                         : RunLive(std::move(*region), interval, invocation);
}

}  // namespace

void AddTopVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("top", "the status, live; q quits");
  verb->add_flag("--once", options->once, "print one frame as text and end");
  verb->add_option("--interval", options->interval, "between two looks")
      ->capture_default_str()
      ->type_name("DURATION")
      ->check(FaultInDuration);
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
