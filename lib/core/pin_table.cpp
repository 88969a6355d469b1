#include "core/pin_table.hpp"

#include "core/invariant.hpp"

namespace mobula::core {

using wire::location;
using wire::node_id;

void pin_table::release(const location& where) {
  const auto at = blocks_.find(where);
  if (at != blocks_.end() && at->second.pins != 0) {
    invariant(!at->second.released, "a block is released once", where.extent, where.offset);
    at->second.released = true;
    at->second.owner_ended = memory_.owner_ends();
    bytes_kept_ += where.size_bytes;
    return;
  }
  if (at != blocks_.end()) blocks_.erase(at);
  memory_.release(where);
}

pin_table::pinning pin_table::pin(node_id reader, std::uint64_t token, const location& where) {
  const auto [at, made] = pins_.try_emplace({reader, token}, pin_record{where});
  if (!made) return {};
  ++blocks_[where].pins;
  pinning done{true, std::nullopt};
  if (remote_) done.shown = remote_->expose(where, reader);
  at->second.exposed = done.shown.has_value();
  return done;
}

const location* pin_table::pinned(node_id reader, std::uint64_t token) const {
  const auto at = pins_.find({reader, token});
  return at == pins_.end() ? nullptr : &at->second.block;
}

void pin_table::unpin(node_id reader, std::uint64_t token) {
  if (const auto at = pins_.find({reader, token}); at != pins_.end()) drop(at);
}

pin_table::pin_map::iterator pin_table::drop(pin_map::iterator one) {
  const pin_record gone = one->second;
  const auto next = pins_.erase(one);
  if (gone.exposed) remote_->conceal(gone.block);
  const auto at = blocks_.find(gone.block);
  invariant(at != blocks_.end() && at->second.pins != 0, "pins add up", gone.block.extent,
            gone.block.offset);
  if (--at->second.pins == 0 && at->second.released) {
    bytes_kept_ -= gone.block.size_bytes;
    const bool owner_ended = at->second.owner_ended;
    blocks_.erase(at);
    // Processes here may go on reading it.
    const auto release = [&] { memory_.release(gone.block); };
    owner_ended ? memory_.at_owners_end(release) : release();
  }
  return next;
}

void pin_table::on_node_ended(node_id node) {
  auto at = pins_.lower_bound({node, 0});
  while (at != pins_.end() && at->first.first == node) at = drop(at);
  for (auto& [where, one] : blocks_) one.spread.forget(node);
}

void pin_table::forget_readers(const location& name) {
  const auto at = blocks_.find(name);
  if (at != blocks_.end() && at->second.pins == 0) blocks_.erase(at);
}

std::size_t pin_table::pins_of(const location& where) const {
  const auto at = blocks_.find(where);
  return at == blocks_.end() ? 0 : at->second.pins;
}

}  // namespace mobula::core
