#include "store/spill_folder.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "temporary_folder.hpp"

namespace mobula::store {
namespace {

using ::testing::HasSubstr;

// Tests' folders are wherever the tests run, which may be in memory.
spill_folder find(const std::string& given, const std::map<std::string, std::string>& variables) {
  const auto variable = [&](std::string_view name) -> std::optional<std::string_view> {
    const auto found = variables.find(std::string{name});
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return find_spill_folder({given, variable, true});
}

TEST(SpillFolder, IsTheFirstOfSlurmsAndTheSystemsThatWillDo) {
  const temporary_folder slurms;
  const temporary_folder own;
  EXPECT_EQ(find("", {{"SLURM_TMPDIR", slurms.path()}, {"TMPDIR", own.path()}}).path,
            slurms.path());
  EXPECT_EQ(
      find("", {{"SLURM_TMPDIR", slurms.path().string() + "/gone"}, {"TMPDIR", own.path()}}).path,
      own.path());
  EXPECT_EQ(find("", {{"TMPDIR", ""}}).path, "/tmp");
  // That is everybody's, as slurmd sets it, and may be in memory.
  EXPECT_EQ(find("", {{"TMPDIR", "/var/tmp"}}).path, "/tmp");
  // A job that has a folder of its own writes nowhere else.
  EXPECT_EQ(find("", {{"TMPDIR", own.path().string() + "/gone"}}).path, "");
  EXPECT_THAT(find("", {{"SLURM_TMPDIR", slurms.path().string() + "/gone"}}).refusal,
              HasSubstr("/gone: No such file or directory); name one"));
  const spill_folder given = find(own.path(), {{"TMPDIR", slurms.path()}});
  EXPECT_EQ(given.path, own.path());
  EXPECT_GT(given.free_bytes, 0U);
  EXPECT_EQ(given.refusal, "");
}

TEST(SpillFolder, IsNeverInMemory) {
  const spill_folder found = find_spill_folder({"/dev/shm", {}, false});
  EXPECT_EQ(found.path, "");
  EXPECT_EQ(found.refusal,
            "objects that find no room in memory will not go to disk, since there is no folder for "
            "them (/dev/shm: it is in memory, not on a disk); name one on a local disk with "
            "MOBULA_SPILL_DIR");
}

TEST(SpillFolder, OfTheUserIsUsedOrNoneAndTheRefusalSaysWhy) {
  const temporary_folder own;
  const std::string file = own.file("file", "text");
  EXPECT_EQ(find(file, {{"TMPDIR", own.path()}}).path, "");
  EXPECT_THAT(find(file, {}).refusal, HasSubstr(file + ": it is no folder"));
  EXPECT_THAT(find(own.path() / "gone", {}).refusal, HasSubstr("No such file or directory"));
  EXPECT_EQ(find("/proc/self", {}).path, "");
}

bool is_nameless(const descriptor& file, const temporary_folder& folder) {
  struct stat status {};
  return file && ::fstat(file.get(), &status) == 0 && status.st_nlink == 0 &&
         (status.st_mode & 0777) == 0600 && folder.is_empty();
}

TEST(UnnamedFile, HasNoNameEitherWay) {
  const temporary_folder folder;
  for (const bool by_name : {false, true}) {
    const descriptor file = open_unnamed_file(folder.path(), by_name);
    EXPECT_TRUE(is_nameless(file, folder)) << by_name;
    EXPECT_EQ(::write(file.get(), "abc", 3), 3);
    EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST(UnnamedFile, IsRefusedWithTheSystemsReason) {
  for (const bool by_name : {false, true}) {
    errno = 0;
    EXPECT_FALSE(open_unnamed_file("/proc/self", by_name));
    EXPECT_NE(errno, 0);
  }
}

TEST(SpillFailure, SaysWhereAndWhatToDo) {
  EXPECT_EQ(spill_failure("write to", "/scratch", ENOSPC),
            "the object store can't write to its spill file in /scratch (No space left on device): "
            "free disk space there, or name another folder with MOBULA_SPILL_DIR");
  EXPECT_THAT(spill_failure("write to", "/scratch", EDQUOT), HasSubstr("your quota there"));
  EXPECT_THAT(spill_failure("make", "/scratch", EACCES), HasSubstr("that you may write to"));
  EXPECT_THAT(spill_failure("read", "/scratch", EIO), HasSubstr("look at that disk"));
  EXPECT_THAT(spill_failure("make", "/scratch", EMFILE), HasSubstr("ulimit -n"));
}

}  // namespace
}  // namespace mobula::store
