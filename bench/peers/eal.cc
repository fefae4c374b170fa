#include "bench/peers/eal.h"

#include <filesystem>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <rte_eal.h>
#include <rte_errno.h>

namespace flatline::peers {

Eal::Eal(std::size_t bytes, bool huge) {
  std::vector<std::string> words{"flatline-peer",
                                 "--no-pci",
                                 "--no-telemetry",
                                 "--log-level=error",
                                 "-l",
                                 std::to_string(sched_getcpu()),
                                 "--file-prefix",
                                 "flatline-peer-" + std::to_string(getpid())};
  if (huge) {
    words.emplace_back("--in-memory");
  } else {
    words.insert(words.end(), {"--no-huge", "--no-shconf", "-m", std::to_string(bytes >> 20)});
  }
  std::vector<char*> arguments;
  arguments.reserve(words.size());
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    throw std::runtime_error(std::string("EAL did not start: ") + rte_strerror(rte_errno));
  }
}

// With the directory that EAL leaves in /run even when it has nothing to put there.
Eal::~Eal() {
  const std::string directory = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

}  // namespace flatline::peers
