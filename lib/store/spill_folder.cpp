#include "store/spill_folder.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <random>
#include <system_error>
#include <vector>

namespace mobula::store {

namespace {

// As f_type has them on all architectures.
std::uint32_t kind_of(const struct statfs& where) {
  return static_cast<std::uint32_t>(where.f_type);
}

bool is_memory(const struct statfs& where) {
  constexpr std::array<std::uint32_t, 3> kinds{TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC};
  return std::ranges::find(kinds, kind_of(where)) != kinds.end();
}

bool is_remote(const struct statfs& where) {
  constexpr std::array<std::uint32_t, 8> kinds{
      NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,         0xFF534D42 /* cifs */, 0xFE534D42 /* smb2 */,
      CEPH_SUPER_MAGIC, 0x0BD00BD0 /* lustre */, 0x47504653 /* gpfs */, 0x19830326 /* beegfs */};
  return std::ranges::find(kinds, kind_of(where)) != kinds.end();
}

std::string in_words(int error) { return std::generic_category().message(error); }

// Why it can't be used; nothing if it can.
std::optional<std::string> objection_to(const std::string& path, const spill_folder_search& search,
                                        std::uint64_t& free_bytes) {
  struct statfs where {};
  if (::statfs(path.c_str(), &where) != 0) return in_words(errno);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return in_words(errno);
  if (!S_ISDIR(status.st_mode)) return "it is no folder";
  if (::access(path.c_str(), W_OK | X_OK) != 0) return in_words(errno);
  if (is_memory(where) && !search.accepts_memory) return "it is in memory, not on a disk";
  if (is_remote(where) && search.given.empty())
    return "it is on another machine: MOBULA_SPILL_DIR may name it all the same";
  free_bytes = where.f_bavail * static_cast<std::uint64_t>(where.f_bsize);
  return std::nullopt;
}

constexpr std::array<const char*, 2> everybodys{"/tmp", "/var/tmp"};

// slurmd sets TMPDIR to /tmp where nobody else does.
bool is_of_the_job(std::string_view path) {
  return !path.empty() && std::ranges::count(everybodys, path) == 0;
}

std::vector<std::string> candidates(const spill_folder_search& search) {
  if (!search.given.empty()) return {search.given};
  std::vector<std::string> all;
  for (const char* name : {"SLURM_TMPDIR", "TMPDIR"}) {
    const auto value = search.variable ? search.variable(name) : std::nullopt;
    if (value && is_of_the_job(*value)) all.emplace_back(*value);
  }
  if (all.empty()) all.assign(everybodys.begin(), everybodys.end());
  return all;
}

}  // namespace

spill_folder find_spill_folder(const spill_folder_search& search) {
  std::string objections;
  for (const std::string& path : candidates(search)) {
    std::uint64_t free_bytes = 0;
    const auto objection = objection_to(path, search, free_bytes);
    if (!objection) return {path, free_bytes, {}};
    objections.append(objections.empty() ? "" : "; ").append(path).append(": ").append(*objection);
  }
  return {{},
          0,
          "objects that find no room in memory will not go to disk, since there is no folder for "
          "them (" +
              objections + "); name one on a local disk with MOBULA_SPILL_DIR"};
}

descriptor open_unnamed_file(const std::string& folder, bool by_name) {
  if (!by_name) {
    // O_EXCL: it can't be given a name later either.
    descriptor made{
        ::open(folder.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (made) return made;
    // What file systems and kernels say that don't know it.
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL) return made;
  }
  std::random_device source;
  std::string path = folder + "/.mobula_spill_";
  for (int i = 0; i < 32; ++i) path += "0123456789abcdef"[source() % 16];
  descriptor made{
      ::open(path.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR)};
  if (made && ::unlink(path.c_str()) != 0) return {};
  return made;
}

std::string spill_failure(std::string_view doing, const std::string& folder, int error) {
  std::string text = "the object store can't ";
  text.append(doing).append(" its spill file in ").append(folder);
  text.append(" (").append(in_words(error)).append("): ");
  switch (error) {
    case ENOSPC:
      return text + "free disk space there, or name another folder with MOBULA_SPILL_DIR";
    case EDQUOT:
      return text +
             "your quota there is used up: free space, or name another folder with "
             "MOBULA_SPILL_DIR";
    case EFBIG:
      return text + "raise the limit of a file's size (ulimit -f), or lower MOBULA_SPILL_BYTES";
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
      return text + "name a folder that you may write to with MOBULA_SPILL_DIR";
    case EMFILE:
    case ENFILE:
      return text + "raise the limit of open files (ulimit -n)";
    default:
      return text + "look at that disk, or name another folder with MOBULA_SPILL_DIR";
  }
}

}  // namespace mobula::store
