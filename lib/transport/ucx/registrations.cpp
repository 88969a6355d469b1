#include "transport/ucx/registrations.hpp"

#include "wire/invariant.hpp"

namespace mobula::ucx {

registrations::~registrations() {
  for (auto& [region, one] : regions_) ucp_mem_unmap(context_, one.memory);
}

std::optional<ucp_mem_h> registrations::use(std::uint32_t region, std::span<std::byte> memory) {
  auto known = regions_.find(region);
  if (known == regions_.end()) {
    if (!make_room(memory.size())) return std::nullopt;
    ucp_mem_map_params_t params{};
    params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH;
    params.address = memory.data();
    params.length = memory.size();
    registration made;
    if (ucp_mem_map(context_, &params, &made.memory) != UCS_OK) return std::nullopt;
    made.size_bytes = memory.size();
    bytes_ += made.size_bytes;
    known = regions_.emplace(region, std::move(made)).first;
  }
  registration& one = known->second;
  wire::insist(one.size_bytes == memory.size(), "a region keeps its size", region, memory.size());
  if (one.uses++ == 0) idle_.erase(one.idle_since);
  return one.memory;
}

std::size_t registrations::uses(std::uint32_t region) const {
  const auto found = regions_.find(region);
  return found == regions_.end() ? 0 : found->second.uses;
}

void registrations::end_use(std::uint32_t region) {
  const auto known = regions_.find(region);
  wire::insist(known != regions_.end() && known->second.uses != 0, "uses of a region add up",
               region);
  registration& one = known->second;
  if (--one.uses != 0) return;
  one.idle_since = ++clock_;
  idle_[one.idle_since] = region;
}

registrations::key_view registrations::key_for(std::uint32_t region, wire::node_id reader) {
  registration& one = regions_.at(region);
  wire::insist(one.uses != 0, "only a region in use is shown", region);
  if (one.number == 0) {
    void* packed = nullptr;
    std::size_t size = 0;
    if (ucp_rkey_pack(context_, one.memory, &packed, &size) != UCS_OK) return {};
    const auto* bytes = static_cast<const std::byte*>(packed);
    one.key.assign(bytes, bytes + size);
    ucp_rkey_buffer_release(packed);
    one.number = ++last_number_;
  }
  one.readers.insert(reader);
  return {one.number, one.key};
}

void registrations::drop(std::uint32_t region) {
  const auto known = regions_.find(region);
  if (known == regions_.end()) return;
  wire::insist(known->second.uses == 0, "a region in use stays registered", region,
               known->second.uses);
  remove(known);
}

bool registrations::make_room(std::uint64_t size_bytes) {
  if (size_bytes > bytes_max_) return false;
  while (bytes_ > bytes_max_ - size_bytes) {
    if (idle_.empty()) return false;
    remove(regions_.find(idle_.begin()->second));
  }
  return true;
}

registrations::table::iterator registrations::remove(table::iterator one) {
  registration& gone = one->second;
  for (const wire::node_id reader : gone.readers) revoked_.emplace_back(reader, gone.number);
  idle_.erase(gone.idle_since);
  bytes_ -= gone.size_bytes;
  ucp_mem_unmap(context_, gone.memory);
  return regions_.erase(one);
}

}  // namespace mobula::ucx
