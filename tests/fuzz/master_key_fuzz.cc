// Any bytes as the file of a master key: taken only where they are what `flatline key make` writes,
// byte for byte but for the case of the digits, and then two readings derive the same; a refusal is
// one line, and the same whatever is in the file.
#include "tests/temporary_directory.h"

#include <flatline/check.h>
#include <flatline/master_key.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

namespace flatline {
namespace {

constexpr std::string_view kHead = "flatline-master-key-1 ";
constexpr std::size_t kDigits = 64;

bool IsAKey(std::string_view text) {
  return text.size() == kHead.size() + kDigits + 1 && text.starts_with(kHead) &&
         text.ends_with('\n') &&
         std::ranges::all_of(text.substr(kHead.size(), kDigits), [](char c) {
           return std::isxdigit(static_cast<unsigned char>(c)) != 0;
         });
}

// Of mode 0400, as it must be.
class KeyFile {
 public:
  explicit KeyFile(std::string_view text) {
    ::unlink(path_.c_str());
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    FLATLINE_CHECK(file >= 0);
    FLATLINE_CHECK(::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(file);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  static const TemporaryDirectory& Place() {
    static const TemporaryDirectory place;
    return place;
  }

  std::string path_ = Place().Path("key");
};

std::string RefusalOfNothing() {
  const std::string path = KeyFile("").path();
  return MasterKey::Load(path).error();
}

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const std::string refusal = RefusalOfNothing();
  const KeyFile file(text);
  const auto key = MasterKey::Load(file.path());
  FLATLINE_CHECK(key.has_value() == IsAKey(text));
  if (key) {
    const auto again = MasterKey::Load(file.path());
    FLATLINE_CHECK(again.has_value());
    FLATLINE_CHECK(key->Derive(7) == again->Derive(7) && key->Derive(7) != key->Derive(8));
  } else {
    FLATLINE_CHECK(key.error() == refusal && !refusal.contains('\n'));
  }
  return 0;
}
