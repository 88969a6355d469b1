#include "sort/splitters.hpp"

#include <algorithm>

namespace sorting {

std::vector<place> choose_splitters(std::vector<place> sample, std::uint32_t parts) {
  std::sort(sample.begin(), sample.end());
  std::vector<place> splitters(parts - 1);
  for (std::uint32_t i = 0; i + 1 < parts && !sample.empty(); ++i) {
    splitters[i] = sample[sample.size() * (i + 1) / parts];
  }
  return splitters;
}

}  // namespace sorting
