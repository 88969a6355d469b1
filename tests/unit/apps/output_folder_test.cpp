#include "sort/output_folder.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "apps/error_of.hpp"
#include "sort/output_file.hpp"
#include "temporary_folder.hpp"

namespace sorting {
namespace {

using apps::error_of;

using testing::HasSubstr;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    names.push_back(entry.path().filename());
  }
  return names;
}

std::string text_in(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::string& path, std::string_view text) {
  output_file file{path};
  file.write(text);
  file.finish(true);
}

TEST(OutputFile, StaysOnlyIfFinished) {
  const mobula::temporary_folder folder;
  const std::string path = folder.path() / "file";
  { output_file{path}.write(std::string_view{"half"}); }
  EXPECT_FALSE(std::filesystem::exists(path));
  write_file(path, "whole");
  EXPECT_EQ(text_in(path), "whole");
}

TEST(OutputFile, IsAnotherThanThatOfAnAttemptThatStillWrites) {
  const mobula::temporary_folder folder;
  const std::string path = folder.path() / "file";
  std::ofstream stale{path};
  write_file(path, "new");
  stale << "old and longer" << std::flush;
  EXPECT_EQ(text_in(path), "new");
}

TEST(OutputFile, SaysWhatCantBeWritten) {
  EXPECT_EQ(error_of([] { output_file{"/no/such/folder/file"}; }),
            "can't write /no/such/folder/file: No such file or directory");
}

TEST(OutputFolder, NamesItsFilesAllAtOnce) {
  const mobula::temporary_folder above;
  const std::string path = above.path() / "made/if/need/be";
  {
    output_folder folder{path, "sorted-", 2};
    write_file(folder.unpublished(1), "second");
    write_file(folder.unpublished(0), "first");
    for (const auto& name : names_in(path)) EXPECT_THAT(name, testing::StartsWith("."));
    folder.publish(true);
  }
  EXPECT_THAT(names_in(path), testing::UnorderedElementsAre("sorted-00000", "sorted-00001"));
  EXPECT_EQ(text_in(path + "/sorted-00001"), "second");
}

TEST(OutputFolder, IsEmptyAgainIfNothingWasPublished) {
  const mobula::temporary_folder above;
  {
    const output_folder folder{above.path(), "sorted-", 2};
    write_file(folder.unpublished(1), "second");
    std::ofstream{folder.unpublished(0)} << "of a task that died";
  }
  EXPECT_THAT(names_in(above.path()), testing::IsEmpty());
}

TEST(OutputFolder, IsEmptyAgainIfAFileIsMissing) {
  const mobula::temporary_folder above;
  {
    output_folder folder{above.path(), "sorted-", 3};
    write_file(folder.unpublished(0), "first");
    write_file(folder.unpublished(2), "third");
    EXPECT_THAT(error_of([&] { folder.publish(false); }),
                HasSubstr("No such file or directory (all nodes must see the same folder)"));
  }
  EXPECT_THAT(names_in(above.path()), testing::IsEmpty());
}

TEST(OutputFolder, RefusesOneThatHasSuchFiles) {
  const mobula::temporary_folder above;
  above.file("sorted-00009", "of another run");
  above.file("made-00000", "of another kind");
  EXPECT_EQ(error_of([&] { output_folder(above.path(), "sorted-", 1); }),
            above.path().string() +
                ": has such files already (sorted-00009): name another folder, or remove them");
}

TEST(OutputFolder, RefusesOneThatCantBeWritten) {
  const mobula::temporary_folder above;
  const std::string file = above.file("file", "");
  EXPECT_EQ(error_of([&] { output_folder(file, "sorted-", 1); }), file + ": Not a directory");
  EXPECT_EQ(error_of([&] { output_folder(file + "/folder", "sorted-", 1); }),
            file + "/folder: Not a directory");
  EXPECT_EQ(error_of([&] { output_folder("/proc/folder", "sorted-", 1); }),
            "/proc/folder: No such file or directory");
}

}  // namespace
}  // namespace sorting
