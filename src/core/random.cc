#include "llmload/core/random.h"

#include <cmath>
#include <numbers>

namespace llmload {

Random Random::Stream(std::uint64_t seed, std::uint64_t index) noexcept {
  Random mixer(seed ^ (index * 0xD1342543DE82EF95ULL + 0x2545F4914F6CDD1DULL));
  return Random(mixer.Next());
}

std::uint64_t Random::Next() noexcept {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

double Random::Uniform() noexcept { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

// Lemire's multiply-shift; the bias is below 2^-32 for every bound in use here.
std::uint64_t Random::Below(std::uint64_t bound) noexcept {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
}

bool Random::Chance(double probability) noexcept { return Uniform() < probability; }

double Random::Exponential(double mean) noexcept { return -mean * std::log1p(-Uniform()); }

double Random::Normal() noexcept {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log1p(-Uniform()));
  const double angle = 2.0 * std::numbers::pi * Uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

Duration Random::LogNormal(Duration median, double sigma) noexcept {
  const double scaled = static_cast<double>(median.count()) * std::exp(sigma * Normal());
  return Duration(static_cast<Duration::rep>(scaled));
}

}  // namespace llmload
