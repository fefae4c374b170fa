#include "tests/interleaving/checked_atomic.h"

#include <algorithm>
#include <memory>
#include <ucontext.h>
#include <utility>

namespace flatline::checked {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;

}  // namespace

Execution& Execution::Now() {
  static Execution execution;
  return execution;
}

std::size_t Execution::Choose(std::size_t n) {
  if (n == 1) {
    return 0;
  }
  if (depth_ == choices_.size()) {
    choices_.emplace_back(0, n);
  }
  return choices_[depth_++].first;
}

void Execution::Fail(const std::string& sentence) {
  if (fault_.empty()) {
    fault_ = sentence;
  }
}

void Execution::Stop() {
  if (stop_) {
    stop_();
  }
}

std::memory_order Execution::OrderOf(std::memory_order order, std::size_t location, bool is_store) {
  if (order == std::memory_order_relaxed || !weakening_ || weakening_->location != location ||
      weakening_->is_store != is_store || thread_ == 0) {
    return order;
  }
  is_weakened_ = true;
  return std::memory_order_relaxed;
}

std::uint64_t Cell::value() const {
  Execution& now = Execution::Now();
  if (now.clock()[writer_] < written_) {
    now.Fail("a data race: read while it is being written");
  }
  read_[now.thread()] = now.clock()[now.thread()];
  return value_;
}

void Cell::Write() {
  Execution& now = Execution::Now();
  if (now.clock()[writer_] < written_) {
    now.Fail("a data race: written by two");
  }
  for (std::size_t i = 0; i < kMostThreads; ++i) {
    if (now.clock()[i] < read_[i]) {
      now.Fail("a data race: written while it is being read");
    }
  }
  writer_ = now.thread();
  written_ = ++now.clock()[writer_];
}

// Threads as fibres: thread n of the execution is fibre n - 1 here, and 0 is whoever makes them.
class Explorer {
 public:
  explicit Explorer(std::optional<Weakening> weakening) : now_(&Execution::Now()) {
    *now_ = Execution{};
    now_->weakening_ = weakening;
  }

  ~Explorer() { *now_ = Execution{}; }

  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  Findings Run(const std::function<Scenario()>& make) {
    Findings out;
    do {
      ++out.executions;
      LiveThrough(make);
      out.locations = now_->locations_;
    } while (now_->fault_.empty() && Next());
    out.fault = now_->fault_;
    out.is_weakened = now_->is_weakened_;
    return out;
  }

 private:
  struct Fibre {
    ucontext_t context{};
    std::array<std::unique_ptr<std::byte[]>, 2> stacks{std::make_unique<std::byte[]>(kStackBytes),
                                                       std::make_unique<std::byte[]>(kStackBytes)};
    std::function<void()> body;
    bool is_over = true;
    bool may_die = false;
  };

  // The next way in which the choices can fall; false: that was the last one.
  bool Next() {
    auto& choices = now_->choices_;
    while (!choices.empty() && choices.back().first + 1 == choices.back().second) {
      choices.pop_back();
    }
    if (choices.empty()) {
      return false;
    }
    ++choices.back().first;
    return true;
  }

  void LiveThrough(const std::function<Scenario()>& make) {
    now_->depth_ = 0;
    now_->thread_ = 0;
    now_->clocks_ = {};
    now_->locations_ = 0;
    now_->stop_ = nullptr;
    scenario_ = make();
    for (std::size_t i = 0; i < scenario_.threads.size(); ++i) {
      now_->clocks_[i + 1] = now_->clocks_[0];  // they begin behind the making
      fibres_[i].may_die = static_cast<bool>(scenario_.threads[i].reborn);
      Begin(i, 0, scenario_.threads[i].body);
    }
    now_->stop_ = [this] { swapcontext(&fibres_[now_->thread_ - 1].context, &main_); };
    for (std::size_t i = 0; i < scenario_.threads.size(); ++i) {
      GoOn(i);  // to its first operation: what is before it concerns nobody
    }
    while (Turn()) {
    }
    now_->stop_ = nullptr;
    now_->thread_ = 0;
    for (std::size_t i = 0; i < scenario_.threads.size(); ++i) {
      for (std::size_t j = 0; j < kMostThreads; ++j) {
        now_->clocks_[0][j] = std::max(now_->clocks_[0][j], now_->clocks_[i + 1][j]);
      }
    }
    if (scenario_.at_the_end && now_->fault_.empty()) {
      scenario_.at_the_end();
    }
  }

  // Somebody goes on to his next operation, or dies before it.
  bool Turn() {
    std::vector<std::size_t> alive;
    for (std::size_t i = 0; i < scenario_.threads.size(); ++i) {
      if (!fibres_[i].is_over) {
        alive.push_back(i);
      }
    }
    if (alive.empty() || !now_->fault_.empty()) {
      return false;
    }
    const std::size_t number = alive[now_->Choose(alive.size())];
    Fibre& fibre = fibres_[number];
    if (fibre.may_die && now_->Choose(2) == 1) {
      fibre.may_die = false;
      Begin(number, 1, scenario_.threads[number].reborn);
    }
    GoOn(number);
    return true;
  }

  void GoOn(std::size_t number) {
    now_->thread_ = number + 1;
    swapcontext(&main_, &fibres_[number].context);
  }

  void Begin(std::size_t number, std::size_t life, const std::function<void()>& body) {
    Fibre& fibre = fibres_[number];
    fibre.body = body;
    fibre.is_over = false;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stacks[life].get();
    fibre.context.uc_stack.ss_size = kStackBytes;
    fibre.context.uc_link = &main_;
    running = this;
    makecontext(&fibre.context, &Enter, 0);
  }

  static void Enter() {
    Fibre& fibre = running->fibres_[running->now_->thread_ - 1];
    fibre.body();
    fibre.is_over = true;
  }

  static inline Explorer* running = nullptr;

  Execution* now_;
  Scenario scenario_;
  ucontext_t main_{};
  std::array<Fibre, kMostThreads - 1> fibres_;
};

Findings Explore(const std::function<Scenario()>& make, std::optional<Weakening> weakening) {
  return std::make_unique<Explorer>(weakening)->Run(make);
}

}  // namespace flatline::checked
