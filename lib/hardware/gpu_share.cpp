#include "hardware/gpu_share.hpp"

namespace mobula::hardware {

std::vector<gpu> share_of(const std::vector<gpu>& all, std::uint32_t share, std::uint32_t shares) {
  const auto edge = [&](std::size_t before) {
    return all.begin() + static_cast<std::ptrdiff_t>(before * all.size() / shares);
  };
  return {edge(share), edge(share + std::size_t{1})};
}

}  // namespace mobula::hardware
