#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/descriptor.hpp"
#include "store/variable_lookup.hpp"

namespace mobula::store {

/// Where a node's spilled objects may go; or that there is no such place, and why.
struct spill_folder {
  std::string path;              // empty: there is no spilling
  std::uint64_t free_bytes = 0;  // there, for us
  std::string refusal;           // a sentence for the user, if `path` is empty
};

struct spill_folder_search {
  /// The folder that the user named (MOBULA_SPILL_DIR): then no other is looked at. May be empty.
  std::string given;
  variable_lookup variable;
  /// Tests only: takes memory for a disk.
  bool accepts_memory = false;
};

/// Finds a folder on a real disk: the one that was named, else the first that will do of
/// $SLURM_TMPDIR (which many sites set to a job's own disk) and $TMPDIR, or, where neither names
/// another, of /tmp and /var/tmp: a job with a temporary folder of its own writes to no other. It
/// must be writable, and never in memory (tmpfs, ramfs, hugetlbfs), where what is spilled would
/// take the room that it is to make. A file system of the network is only used if it was named.
spill_folder find_spill_folder(const spill_folder_search& search);

/// A file in the folder that has no name, so that it ends with its last descriptor, whatever dies.
/// Readable and writable for this user alone. Empty if the system refuses (errno tells).
/// @param by_name  tests only: the way where a file system knows no unnamed files. It is made under
///                 a name that can't be guessed and loses that at once
descriptor open_unnamed_file(const std::string& folder, bool by_name = false);

/// "the object store can't write to its spill file in /scratch (No space left on device): ..." and
/// what to do about it.
std::string spill_failure(std::string_view doing, const std::string& folder, int error);

}  // namespace mobula::store
