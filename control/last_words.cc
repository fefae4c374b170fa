#include "control/last_words.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

namespace flatline {
namespace {

[[noreturn]] void End() {
  try {
    if (const auto error = std::current_exception()) {
      std::rethrow_exception(error);
    }
  } catch (const std::bad_alloc&) {
    std::fputs(
        "flatline-control: needed memory, found none; ends, and loses nothing: give it more\n",
        stderr);
    std::_Exit(1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flatline-control: %s\n", error.what());
  } catch (...) {
    std::fputs("flatline-control: ends by an exception of no name\n", stderr);
  }
  std::abort();
}

}  // namespace

void InstallLastWords() {
  std::set_terminate(End);
}

}  // namespace flatline
