#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "mobula/detail/api.hpp"
#include "mobula/detail/checkpoint.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"

// Checkpoints: values in files, to go on from in another job, on any number of nodes.

namespace MOBULA_API mobula {

/// Writes the values of `refs` into a folder, each a file, and returns when they are safe there.
///
/// Waits for the refs first. The files are written by tasks, where the objects are, on as many
/// nodes at once; these tasks ask for no cpu, so that they run beside what does. The folder must be
/// on a file system that all nodes see, and is made if it is not there.
///
/// What the folder held before is replaced in one step, when all is written: whenever the job dies,
/// one of the two is there, whole. Only then the old one's files are removed, and what saves that
/// died have left; files of others are left alone. Of two saves into one folder at the same time
/// each is whole, and the one that ends last stays, where the file system's locks (flock) hold
/// between the nodes that save; where they don't (a Lustre mounted with localflock), don't save
/// into one folder from two jobs at once.
///
/// Refs inside of what is saved are refused; arrays inside of it are saved with it. In the driver,
/// in tasks, in actors and among peers (each rank its own folder). Thread-safe.
/// @param folder  a path; also a std::filesystem::path
/// @throws what get of the first ref that failed throws; checkpoint_error if a file can't be
///   written, or a node does not see the folder; timed_out if it has not been done within the
///   limit; what is being written then is waited for 10 s more at most. The former checkpoint stays
/// @throws std::invalid_argument if the folder's name is empty or the limit negative
/// @throws error if a ref is empty, before init or after shutdown
template <class T>
void save(const std::vector<object_ref<T>>& refs, const std::string& folder,
          time_limit limit = forever) {
  detail::check_can_be_saved<T>();
  if constexpr (detail::can_be_saved<T>) {
    const std::uint64_t deadline = detail::deadline_of(limit);
    std::vector<detail::object*> records;
    records.reserve(refs.size());
    for (const auto& ref : refs) records.push_back(detail::access::record_of(ref));
    detail::await_made({records.data(), records.size()}, limit);
    detail::folder_writer to{folder, detail::mark_of<T>(), refs.size()};
    for (std::size_t i = 0; i < refs.size(); ++i)
      to.add(remote<detail::save_value<detail::saved_as<T>>>.with(to.options_for(records[i]))(
                 to.order(i), refs[i]),
             deadline);
    to.finish(deadline);
  }
}

/// Makes objects of the values that `save` wrote into the folder, in the same order.
///
/// Returns at once: the values are read by tasks that are spread over the nodes. Each is looked at
/// before it is used: what is wrong with it `get` of its ref throws. The folder may be moved or
/// copied in between, not changed, and not saved into before all are read.
/// @tparam T  as it was saved: its name, and as far as that can be seen its layout and the version
///   of its serialize, must be the same; the program may be another one
/// @throws checkpoint_error if there is no checkpoint, or it is torn, foreign, of another type, of
///   another version of Mobula or of a machine with another byte order. The text says which file,
///   and what to do; so does what `get` throws then
/// @throws error before init or after shutdown
template <class T>
std::vector<object_ref<T>> load(const std::string& folder) {
  detail::check_can_be_saved<T>();
  std::vector<object_ref<T>> refs;
  if constexpr (detail::can_be_saved<T>) {
    const detail::folder_reader from{folder, detail::mark_of<T>()};
    refs.reserve(from.count());
    for (std::size_t i = 0; i < from.count(); ++i)
      refs.push_back(detail::load_one<T>(from.order(i)));
  }
  return refs;
}

/// Whether the folder holds a checkpoint: what a program asks that may have been started anew. Does
/// not look at its files. Thread-safe, also without a job.
/// @throws checkpoint_error if that can't be told, as when a file server does not answer: who took
///   that for "none" would begin anew, and save over what is there. (A file system that is not
///   mounted yet looks like a folder without one.)
[[nodiscard]] bool has_checkpoint(const std::string& folder);

}  // namespace mobula
