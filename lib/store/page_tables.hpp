#pragma once

#include <cstddef>
#include <span>

// A process has an extent mapped twice for writing. Through one mapping it writes itself, and keeps
// its page tables there. Addresses of the other it lends to user code that fills a large object:
// the page tables move there, and back when the object is sealed. Whoever still writes there then
// is killed. Moving takes 0.04 ms for a GiB in pages of 4 KiB, where mprotect takes 20 ms, and what
// is filled again needs no fault.

namespace mobula::store {

/// Whether the system can move page tables from a mapping that stays (Linux 5.13).
bool page_tables_move();

/// Makes the whole pages of `lent` writable, with the page tables of `kept`: the same part of the
/// same file, of the same size.
/// @param by_moving  false: the way of systems that can't. It costs faults, and time by size
/// @returns false if the system refuses
bool lend_pages(std::span<std::byte> kept, std::span<std::byte> lent, bool by_moving);
/// Ends what lend_pages began: nobody writes at `lent` any more.
void take_pages_back(std::span<std::byte> kept, std::span<std::byte> lent, bool by_moving);

}  // namespace mobula::store
