#include "wordcount/listing.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace wordcount {
namespace {

namespace fs = std::filesystem;

TEST(Splits, HaveASizeWithinItsBounds) {
  EXPECT_EQ(split_size_for(0), std::uint64_t{1} << 20);
  EXPECT_EQ(split_size_for(std::uint64_t{128} << 20), std::uint64_t{2} << 20);
  EXPECT_EQ(split_size_for(std::uint64_t{1} << 50), std::uint64_t{64} << 20);
}

TEST(ListFiles, FindsRegularFilesOnlyAndFollowsNoLinkBelowARoot) {
  const mobula::temporary_folder folder;
  folder.file("a", std::string(1, 'x'));
  folder.file("deep/er/b", std::string(20, 'x'));
  folder.file("empty", std::string(0, 'x'));
  fs::create_symlink(folder.path() / "a", folder.path() / "link");
  fs::create_symlink(folder.path(), folder.path() / "deep/loop");

  const std::vector<std::string> roots{folder.path()};
  const listing found = list_files(roots);
  std::vector<std::string> names;
  for (const auto& file : found.files) names.push_back(fs::relative(file.path, folder.path()));
  EXPECT_THAT(names, testing::ElementsAre("a", "deep/er/b", "empty"));
  EXPECT_EQ(found.size_bytes, 21U);
  EXPECT_TRUE(found.unreadable.empty());
}

TEST(ListFiles, FollowsALinkThatIsARoot) {
  const mobula::temporary_folder folder;
  fs::create_symlink(folder.file("a", std::string(5, 'x')), folder.path() / "link");
  const std::vector<std::string> roots{folder.path() / "link"};
  EXPECT_EQ(list_files(roots).size_bytes, 5U);
}

TEST(ListFiles, NamesRootsThatCantBeRead) {
  const mobula::temporary_folder folder;
  fs::create_symlink(folder.path() / "loop", folder.path() / "loop");
  const std::vector<std::string> roots{folder.path() / "missing", folder.path() / "loop",
                                       "/dev/null"};
  const listing found = list_files(roots);
  EXPECT_TRUE(found.files.empty());
  ASSERT_EQ(found.unreadable.size(), 3U);
  EXPECT_THAT(found.unreadable[0], testing::EndsWith("missing: No such file or directory"));
  EXPECT_THAT(found.unreadable[1], testing::HasSubstr("loop: Too many levels"));
  EXPECT_EQ(found.unreadable[2], "/dev/null: neither a file nor a directory");
}

}  // namespace
}  // namespace wordcount
