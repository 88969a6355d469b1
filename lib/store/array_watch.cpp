#include "store/array_watch.hpp"

#include "core/errors.hpp"
#include "wire/array_seal.hpp"
#include "wire/codec.hpp"
#include "wire/reading_messages.hpp"
#include "wire/store_messages.hpp"

namespace mobula::store {

std::string array_watch::look(wire::blob message) {
  if (const auto freed = wire::decode<wire::store_free>(message))
    return look_at(freed->object, freed->where, "freed");
  if (const auto wanted = wire::decode<wire::store_pin>(message))
    return look_at(wanted->object, wanted->where, "sent to another node");
  return {};
}

// What they name may be long gone, and something else lie there: that has another name.
std::string array_watch::look_at(wire::object_id object, const wire::location& where,
                                 const char* when) {
  if (where.node != node_) return {};
  const auto extent = extents_(where.extent);
  if (where.offset > extent.size() || where.size_bytes > extent.size() - where.offset) return {};
  const auto bytes = extent.subspan(where.offset, where.size_bytes);
  if (object == last_ || !wire::is_altered(bytes, object)) return {};
  last_ = object;
  return "object " + std::to_string(object.sequence()) + "." + std::to_string(object.index()) +
         " of " + core::name_of(object.owner()) + ", an array of " +
         std::to_string(where.size_bytes - wire::array_seal::elements_offset) +
         " bytes, was found changed on node " + std::to_string(node_) + " as it was " + when +
         ": somebody wrote through a pointer that was kept after the array had been given away, "
         "and its readers may have seen either";
}

}  // namespace mobula::store
