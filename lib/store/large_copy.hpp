#pragma once

#include <cstddef>

namespace mobula::store {

/// So many threads may share a large copy of this process, the caller's among them; one until this
/// is called. A core fills memory at a fraction of the speed that memory has.
void share_large_copies(unsigned threads);
/// How many share a copy of that size.
unsigned threads_of_copy(std::size_t size_bytes);

/// As memcpy. Memory of the destination that is not there yet is asked for in large pieces, not
/// page by page. Where there are no more threads to be had, the caller's does it alone.
void large_copy(std::byte* to, const std::byte* from, std::size_t size_bytes);

}  // namespace mobula::store
