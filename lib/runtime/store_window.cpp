#include "runtime/store_window.hpp"

namespace mobula::detail {

// What the network reads or writes is not given back to the system, nor its neighbours: a
// registration is of the pages that were there.
std::optional<ucp_mem_h> store_window::use(std::uint32_t extent, std::span<std::byte> memory) {
  const auto registered = registered_.use(extent, memory);
  if (registered && registered_.uses(extent) == 1) store_.hold(extent, true);
  return registered;
}

void store_window::end_use(std::uint32_t extent) {
  registered_.end_use(extent);
  if (registered_.uses(extent) == 0) store_.hold(extent, false);
}

std::optional<core::remote_memory::exposure> store_window::expose(const wire::location& block,
                                                                  wire::node_id reader) {
  const auto extent = store_.extent_bytes(block.extent);
  if (extent.empty() || !use(block.extent, extent)) return std::nullopt;
  const auto key = registered_.key_for(block.extent, reader);
  if (key.bytes.empty()) {
    end_use(block.extent);
    return std::nullopt;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(extent.data()) + block.offset;
  return exposure{address, key.number, key.bytes};
}

bool store_window::start(const read& how) {
  const auto extent = store_.extent_bytes(how.into.extent);
  if (extent.empty()) return false;
  const auto local = use(how.into.extent, extent);
  if (!local) return false;
  reads_.start({how.token, how.offset, how.into.extent}, how.from, how.address, how.key,
               how.key_bytes, extent.subspan(how.into.offset + how.offset, how.size_bytes), *local);
  return true;
}

std::vector<core::remote_memory::revoked_key> store_window::take_revoked() {
  std::vector<revoked_key> gone;
  for (const auto& [reader, key] : registered_.take_revoked()) gone.push_back({reader, key});
  return gone;
}

std::size_t store_window::settle(core::directory& whose) {
  std::size_t ended = 0;
  // What has ended makes room for more, which may end at once.
  while (reads_.has_news()) {
    reads_.flush();
    for (const auto& one : reads_.take_ended()) {
      end_use(one.which.region);
      whose.on_remote_read(one.which.token, one.which.offset, one.succeeded);
      ++ended;
    }
  }
  return ended;
}

}  // namespace mobula::detail
