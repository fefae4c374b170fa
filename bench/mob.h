// Four hundred subscribers of the worst kind, in a thread of their own, for as long as the object
// lives: a hundred slow, a hundred stuck, a hundred lying, a hundred vanished. For the benchmark of
// what good ones notice of them. Over TCP. Bounds: two thousand reads a second of the slow, two
// hundred lies a second of the lying, which come back with another lie; a hundredth of a core or
// so.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace flatline {

class Mob {
 public:
  static constexpr std::size_t kOfEach = 100;

  // Connected when this returns, but for those who lie.
  explicit Mob(std::uint16_t port);
  ~Mob();
  Mob(const Mob&) = delete;
  Mob& operator=(const Mob&) = delete;

 private:
  struct Liar {
    int descriptor = -1;
    std::size_t lie = 0;
    std::size_t said = 0;
  };

  void Live(const std::atomic<bool>& stop);
  void ReadALittle(int descriptor);
  void Lie(Liar& liar, std::size_t number) const;
  static void GoOn(Liar& liar);

  std::uint16_t port_;
  std::vector<int> slow_;
  std::vector<int> stuck_;
  std::vector<int> vanished_;
  std::vector<Liar> liars_{kOfEach};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace flatline
