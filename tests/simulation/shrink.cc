#include "tests/simulation/shrink.h"

#include <cstdint>

namespace flatline {
namespace {

// The mildest value of one number with which it still fails: at once where that is so, else by
// halving the way there. True where it is milder than before.
bool ShrinkField(Climate& climate,
                 const ClimateField& field,
                 const std::function<bool(const Climate&)>& fails,
                 int& tries) {
  const std::uint64_t before = climate.*field.member;
  std::uint64_t tried = field.least;
  while (tries > 0 && tried != climate.*field.member) {
    Climate milder = climate;
    milder.*field.member = tried;
    --tries;
    if (fails(milder)) {
      climate = milder;
      break;
    }
    if (climate.*field.member < tried) {
      break;  // there is no way between: more is milder here
    }
    tried += (climate.*field.member - tried + 1) / 2;
  }
  return climate.*field.member != before;
}

// How often something strikes is not made milder by halves: it does, or it does not.
bool IsAmount(const ClimateField& field) {
  return field.name == "endpoints" || field.name == "life_ms" || field.name == "subscribers" ||
         field.name == "workers" || field.name == "ports";
}

bool Silence(Climate& climate,
             const ClimateField& field,
             const std::function<bool(const Climate&)>& fails,
             int& tries) {
  Climate milder = climate;
  milder.*field.member = field.least;
  if (milder == climate || tries <= 0) {
    return false;
  }
  --tries;
  if (!fails(milder)) {
    return false;
  }
  climate = milder;
  return true;
}

}  // namespace

Climate Shrink(Climate climate, const std::function<bool(const Climate&)>& fails, int tries) {
  for (bool is_milder = true; is_milder && tries > 0;) {
    is_milder = false;
    for (const ClimateField& field : kClimateFields) {
      is_milder = (IsAmount(field) ? ShrinkField(climate, field, fails, tries)
                                   : Silence(climate, field, fails, tries)) ||
                  is_milder;
    }
  }
  return climate;
}

}  // namespace flatline
