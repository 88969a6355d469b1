#include "runtime/node_disk.hpp"

namespace mobula::detail {

std::optional<core::spill_disk::range> node_disk::take(std::uint64_t size_bytes) {
  const auto taken = file_->take(size_bytes);
  if (!taken) return std::nullopt;
  ranges_.emplace(++last_, *taken);
  return last_;
}

void node_disk::give_back(range gone) {
  const auto at = ranges_.find(gone);
  file_->give_back(at->second);
  ranges_.erase(at);
}

void node_disk::write(std::uint64_t token, range into, std::span<const std::byte> from) {
  file_->write(token, ranges_.at(into), from);
}

void node_disk::read(std::uint64_t token, range from, std::uint64_t offset,
                     std::span<std::byte> into) {
  store::spill_range part = ranges_.at(from);
  part.offset += offset;
  part.size_bytes -= offset;
  file_->read(token, part, into);
}

std::size_t node_disk::settle(core::directory& of) {
  if (file_->under_way() == 0) return 0;
  const auto ended = file_->take_completions();
  for (const auto& one : ended) of.on_disk(one.token, one.failure.value_or(std::string{}));
  return ended.size();
}

}  // namespace mobula::detail
