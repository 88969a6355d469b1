#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "job/job.hpp"
#include "temporary_folder.hpp"

// What is saved comes back as it was, or not at all, with the file named that is wrong.

namespace mobula::job {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* list_file = "mobula.checkpoint";

// In a folder that all nodes see: here they are on one machine, or TMPDIR says.
class Checkpoint : public testing::Test {
 protected:
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& one : fs::directory_iterator{folder_.path()})
      names.push_back(one.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path object_file(int index) const {
    for (const std::string& name : files())
      if (name.ends_with("." + std::to_string(index) + ".object")) return path() / name;
    return path() / "no such object";
  }
  const fs::path& path() const { return folder_.path(); }

  temporary_folder folder_;
};

/// With a folder that this host alone sees.
class CheckpointOfHosts : public Checkpoint {
 protected:
  CheckpointOfHosts() { fs::create_directory(own_); }
  ~CheckpointOfHosts() override { fs::remove_all(own_); }

  const fs::path own_{"/tmp/of_this_host"};
};

std::string contents(const fs::path& of) {
  std::stringstream text;
  text << std::ifstream{of, std::ios::binary}.rdbuf();
  return text.str();
}

void write(const fs::path& to, const std::string& text) {
  std::ofstream{to, std::ios::binary | std::ios::trunc} << text;
}

struct grain {
  int a = 0;
  double b = 0;
  bool operator==(const grain&) const = default;
};

struct field {
  std::string name;
  std::vector<grain> grains;
  shared_array<const double> samples;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& grains& samples;
  }
  bool operator==(const field& other) const {
    return name == other.name && grains == other.grains &&
           std::equal(samples.begin(), samples.end(), other.samples.begin(), other.samples.end());
  }
};

struct with_a_ref {
  object_ref<int> ref;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& ref;
  }
};

shared_array<double> array_of(std::size_t size, double first) {
  shared_array<double> made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = first + static_cast<double>(i);
  return made;
}

field field_of(int number, std::size_t size) {
  return {"field " + std::to_string(number), std::vector<grain>(size / 10, grain{number, 0.5}),
          array_of(size, number)};
}

std::vector<double> numbers_of(std::size_t size, double first) {
  std::vector<double> made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = first + static_cast<double>(i);
  return made;
}

// Sizes below and above what travels in messages, and what is written in one piece.
constexpr std::size_t sizes[] = {0, 1, 27, 28, 29, 4'095, 4'096, 100'000, 400'000};

TEST_F(Checkpoint, BringsVectorsBack) {
  std::vector<object_ref<std::vector<double>>> refs;
  for (const std::size_t size : sizes) refs.push_back(remote<numbers_of>(size, 0.5));
  save(refs, path());
  const auto values = got(load<std::vector<double>>(path()));
  ASSERT_EQ(values.size(), std::size(sizes));
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], numbers_of(sizes[i], 0.5));
}

TEST_F(Checkpoint, BringsArraysBack) {
  std::vector<object_ref<shared_array<double>>> refs;
  for (const std::size_t size : sizes) refs.push_back(remote<array_of>(size, 7.0));
  save(refs, path());
  const auto loaded = load<shared_array<const double>>(path());
  const auto values = got(load<shared_array<double>>(path()));
  ASSERT_EQ(values.size(), std::size(sizes));
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_THAT(values[i], testing::ElementsAreArray(numbers_of(sizes[i], 7)));
    EXPECT_THAT(got(loaded[i]), testing::ElementsAreArray(numbers_of(sizes[i], 7)));
  }
}

TEST_F(Checkpoint, BringsBackWhatHasASerializeAndArraysInside) {
  std::vector<object_ref<field>> refs;
  for (int i = 0; i < 6; ++i) refs.push_back(remote<field_of>(i, sizes[i + 3]));
  save(refs, path());
  const auto loaded = load<field>(path());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(got(loaded[i]), field_of(i, sizes[i + 3]));
  // What was loaded can be saved as well.
  save(loaded, path() / "again");
  EXPECT_EQ(got(load<field>(path() / "again")).at(5), field_of(5, sizes[8]));
}

template <class T, class Same = std::equal_to<>>
void comes_back(const fs::path& path, T value, Same same = {}) {
  const std::vector<object_ref<T>> refs{put(value)};
  save(refs, path);
  const auto back = got(load<T>(path));
  ASSERT_EQ(back.size(), 1U);
  EXPECT_TRUE(same(back[0], value));
}

TEST_F(Checkpoint, BringsBackWhatCanBeSent) {
  comes_back(path(), 7);
  comes_back(path(), grain{3, 0.25});
  comes_back(path(), std::string{"words"});
  comes_back(path(), std::string(3'000'000, 'x'));
  comes_back(path(), std::vector<bool>{true, false, true});
  comes_back(path(), std::vector<std::string>{"a", "", std::string(100'000, 'y')});
  comes_back(path(), std::map<std::string, std::vector<grain>>{{"one", {{1, 2}}}, {"none", {}}});
  comes_back(path(), std::tuple{1, std::optional<double>{}, std::string{"x"}});
  comes_back(path(), std::array<std::string, 2>{"a", "b"});
  comes_back(path(), fs::path{"/a/path"});
}

TEST_F(Checkpoint, BringsBackContainersOfArraysAndWhatCantBeCopied) {
  std::vector<shared_array<double>> arrays;
  for (const std::size_t size : sizes) arrays.push_back(array_of(size, 1));
  save(std::vector{put(std::move(arrays))}, path() / "arrays");
  const auto back = got(load<std::vector<shared_array<double>>>(path() / "arrays").at(0));
  ASSERT_EQ(back.size(), std::size(sizes));
  for (std::size_t i = 0; i < back.size(); ++i)
    EXPECT_THAT(back[i], testing::ElementsAreArray(numbers_of(sizes[i], 1)));

  const auto one = remote<[] { return std::make_unique<int>(5); }>();
  save(std::vector{one}, path() / "pointers");
  EXPECT_EQ(*got(load<std::unique_ptr<int>>(path() / "pointers").at(0)), 5);
}

TEST_F(Checkpoint, MayBeEmpty) {
  EXPECT_FALSE(has_checkpoint(path()));
  save(std::vector<object_ref<int>>{}, path());
  EXPECT_TRUE(has_checkpoint(path()));
  EXPECT_THAT(load<int>(path()), IsEmpty());
}

// Who took it for "none" would save over what is there once the file system is back.
TEST_F(Checkpoint, IsNotSaidToBeMissingWhereThatCannotBeSeen) {
  const auto loop = path() / "loop";
  fs::create_directory_symlink(loop, loop);
  EXPECT_THROW(static_cast<void>(has_checkpoint(loop)), checkpoint_error);
  std::ofstream{path() / "file"};
  EXPECT_FALSE(has_checkpoint(path() / "file"));
}

TEST_F(Checkpoint, MayBeOfManyObjects) {
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < 300; ++i) refs.push_back(remote<same>(i));
  save(refs, path());
  const auto values = got(load<int>(path()));
  ASSERT_EQ(values.size(), 300U);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
}

TEST_F(Checkpoint, IsReadOnAllNodes) {
  std::vector<object_ref<shared_array<double>>> refs;
  for (int i = 0; i < 24; ++i) refs.push_back(put(array_of(100'000, i)));
  save(refs, path());
  refs.clear();
  ASSERT_TRUE(eventually([] {
    for (const auto& one : nodes())
      if (one.store_objects != 0) return false;
    return true;
  }));
  // A node that is slow to begin may have none left to read the first time.
  std::vector<object_ref<shared_array<double>>> loaded;
  EXPECT_TRUE(eventually([&] {
    const auto more = load<shared_array<double>>(path());
    wait(more, {.count = more.size(), .timeout = patience});
    loaded.insert(loaded.end(), more.begin(), more.end());
    return std::ranges::all_of(nodes(), [](const auto& one) { return one.store_objects != 0; });
  }));
}

TEST_F(Checkpoint, ReplacesTheFormerAndLeavesTheFilesOfOthers) {
  write(path() / "notes", "mine");
  write(path() / "mobula.notes", "mine too");
  write(path() / "mobula.0123456789abcdef.object.old", "and mine");
  save(std::vector{put(1), put(2), put(3)}, path());
  EXPECT_EQ(files().size(), 7U);
  save(std::vector{put(4)}, path());
  EXPECT_EQ(got(load<int>(path())), std::vector{4});
  EXPECT_EQ(files().size(), 5U);
  EXPECT_EQ(contents(path() / "notes"), "mine");
  EXPECT_EQ(contents(path() / "mobula.notes"), "mine too");
  EXPECT_EQ(contents(path() / "mobula.0123456789abcdef.object.old"), "and mine");
}

TEST_F(Checkpoint, RemovesWhatDeadSavesHaveLeftNotWhatOthersWrite) {
  const fs::path dead = path() / "mobula.0123456789abcdef.saving";
  const fs::path dead_object = path() / "mobula.0123456789abcdef.12.object";
  const fs::path dead_without = path() / "mobula.0123456789abcde0.0.object";
  const fs::path alive = path() / "mobula.fedcba9876543210.saving";
  const fs::path alive_object = path() / "mobula.fedcba9876543210.0.object";
  for (const auto& one : {dead, dead_object, dead_without, alive, alive_object}) write(one, "half");
  const int file = ::open(alive.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(file, LOCK_EX), 0);
  save(std::vector{put(1)}, path());
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_FALSE(fs::exists(dead_object));
  EXPECT_FALSE(fs::exists(dead_without));
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_TRUE(fs::exists(alive_object));
  ::close(file);
}

TEST_F(Checkpoint, StaysWhenItsSuccessorFails) {
  save(std::vector{put(1), put(2)}, path());
  const auto before = files();
  const auto fails = remote<[]() -> int { throw std::runtime_error{"no value"}; }>();
  EXPECT_THROW(save(std::vector{put(3), fails}, path()), task_error);
  EXPECT_EQ(files(), before);
  shared_numbers numbers;
  const auto unfinished = late(numbers, 4);
  EXPECT_THROW(save(std::vector{put(3), unfinished}, path(), 50ms), timed_out);
  EXPECT_EQ(files(), before);
  EXPECT_THROW(save(std::vector{put(3), object_ref<int>{}}, path()), error);
  EXPECT_THROW(save(std::vector{put(3)}, ""), std::invalid_argument);
  EXPECT_EQ(files(), before);
  EXPECT_EQ(got(load<int>(path())), (std::vector{1, 2}));
  numbers[signal] = 1;
  EXPECT_EQ(got(unfinished), 4);
}

template <class Work>
std::string refusal(Work&& work) {
  try {
    work();
  } catch (const checkpoint_error& refused) {
    return refused.what();
  } catch (const std::exception& other) {
    return std::string{"another error: "} + other.what();
  }
  return "nothing";
}

TEST_F(Checkpoint, HasNoRefs) {
  const std::vector refs{put(with_a_ref{put(1)})};
  EXPECT_THAT(refusal([&] { save(refs, path()); }),
              HasSubstr("save the values that the refs name"));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(Checkpoint, NeedsAFolderThatCanBeOne) {
  write(path() / "file", "no folder");
  EXPECT_THAT(refusal([&] { save(std::vector{put(1)}, path() / "file"); }), HasSubstr("file"));
  EXPECT_THAT(refusal([&] { save(std::vector{put(1)}, path() / "file" / "below"); }),
              HasSubstr("file"));
  write(path() / list_file, "somebody's");
  EXPECT_THAT(refusal([&] { save(std::vector{put(1)}, path()); }), HasSubstr("move it away"));
  EXPECT_EQ(contents(path() / list_file), "somebody's");
  EXPECT_EQ(files().size(), 2U);
}

TEST_F(Checkpoint, IsNotWhatIsNotThere) {
  EXPECT_THAT(refusal([&] { load<int>(path()); }), HasSubstr("there is no checkpoint in"));
  EXPECT_THAT(refusal([&] { load<int>(path() / "none"); }), HasSubstr("there is no checkpoint in"));
  EXPECT_THAT(refusal([&] { load<int>("/dev/null"); }), HasSubstr("there is no checkpoint in"));
}

TEST_F(Checkpoint, OfAnotherTypeIsNamed) {
  save(std::vector{put(grain{})}, path());
  EXPECT_THAT(refusal([&] { load<int>(path()); }),
              testing::AllOf(HasSubstr("grain"), HasSubstr(", not int")));
  const auto mark = detail::mark_of<grain>();
  EXPECT_THAT(refusal([&] {
                detail::folder_reader{path(), {mark.name, mark.layout + 1}};
              }),
              HasSubstr("load it with the program that saved it"));
}

// Every beginning of the list, and every change of one of its bytes.
TEST_F(Checkpoint, WithATornOrChangedListIsRefused) {
  save(std::vector{put(1), put(2)}, path());
  const std::string list = contents(path() / list_file);
  for (std::size_t size = 0; size < list.size(); ++size) {
    write(path() / list_file, list.substr(0, size));
    EXPECT_THAT(refusal([&] { load<int>(path()); }), HasSubstr(list_file)) << size;
  }
  for (std::size_t at = 0; at < list.size(); ++at) {
    std::string changed = list;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    write(path() / list_file, changed);
    EXPECT_THAT(refusal([&] { load<int>(path()); }), HasSubstr(list_file)) << at;
  }
  write(path() / list_file, list + "\n");
  EXPECT_THAT(refusal([&] { load<int>(path()); }), HasSubstr(list_file));
  // It is ours all the same, and may be replaced.
  save(std::vector{put(5)}, path());
  EXPECT_EQ(got(load<int>(path())), std::vector{5});
}

// What get of the second of three throws.
template <class T>
std::string refusal_of_object(const fs::path& path) {
  const auto loaded = load<T>(path);
  got(loaded.at(0));
  got(loaded.at(2));
  return refusal([&] { got(loaded.at(1)); });
}

TEST_F(Checkpoint, WithATornOrChangedObjectIsRefused) {
  save(std::vector{put(std::string{"one"}), put(std::string(100'000, 'x')), put(std::string{})},
       path());
  const fs::path victim = object_file(1);
  const std::string whole = contents(victim);
  const std::string name = victim.filename();
  const auto expect = [&](const std::string& text, const char* said) {
    write(victim, text);
    EXPECT_THAT(refusal_of_object<std::string>(path()),
                testing::AllOf(HasSubstr(name), HasSubstr(said)));
  };
  const auto changed = [&](std::size_t at) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 0x10);
    return other;
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{64}, std::size_t{71},
                                 whole.size() / 2, whole.size() - 1})
    expect(whole.substr(0, size), "is torn");
  expect(whole + "x", "is torn");
  expect(changed(0), "is no file of a checkpoint");
  expect(changed(16), "another version of Mobula");
  expect(changed(24), "belongs to another checkpoint");
  expect(changed(32), "is another object's");
  for (const std::size_t at :
       {std::size_t{64}, std::size_t{72}, whole.size() / 2, whole.size() - 1})
    expect(changed(at), "its checksum is another one");
  expect(std::string(whole.size(), 'z'), "is no file of a checkpoint");
  expect(contents(object_file(0)), "is another object's");
  fs::remove(victim);
  EXPECT_THAT(refusal_of_object<std::string>(path()),
              testing::AllOf(HasSubstr(name), HasSubstr("is missing")));
  fs::create_directory(victim);
  EXPECT_THAT(refusal_of_object<std::string>(path()), HasSubstr(name));
}

TEST_F(Checkpoint, WithAFileOfAnotherCheckpointIsRefused) {
  const std::vector refs{put(array_of(10'000, 1)), put(array_of(10'000, 2)), put(array_of(10, 3))};
  save(refs, path());
  const std::string former = contents(object_file(1));
  save(refs, path());
  write(object_file(1), former);
  EXPECT_THAT(refusal_of_object<shared_array<double>>(path()),
              HasSubstr("belongs to another checkpoint"));
}

TEST_F(Checkpoint, MayBeWrittenByTwoAtOnce) {
  for (int round = 0; round < 10; ++round) {
    std::vector<std::thread> threads;
    for (int who = 1; who <= 3; ++who) {
      threads.emplace_back([this, who] {
        save(std::vector{put(who), put(std::vector<int>(3, who).at(0)), put(who)}, path());
      });
    }
    for (auto& one : threads) one.join();
    const auto values = got(load<int>(path()));
    EXPECT_EQ(values, std::vector<int>(3, values.at(0)));
    EXPECT_EQ(files().size(), 4U) << "round " << round;
  }
}

int save_there(std::vector<object_ref<int>> refs, std::string folder) {
  save(refs, folder);
  int sum = 0;
  for (const int one : get(load<int>(folder))) sum += one;
  return sum;
}

int save_again_and_again(int who, std::string folder) {
  int count = 0;
  for (; count < 20; ++count) save(std::vector{put(who), put(who), put(who)}, folder);
  return count;
}

// Each removes what others have left, and nothing of the one in place.
TEST_F(Checkpoint, MayBeWrittenByProcessesAtOnce) {
  std::vector<object_ref<int>> savers;
  for (int who = 0; who < 4; ++who)
    savers.push_back(remote<save_again_and_again>.with({.cpus = 0.5})(who, path().string()));
  int looks = 0;
  while (wait(savers, {.count = savers.size(), .timeout = std::chrono::seconds{0}}).ready.size() <
         savers.size()) {
    const std::string list = contents(path() / list_file);
    const auto at = list.find("generation ");
    if (at == std::string::npos) continue;
    const std::string generation = list.substr(at + 11, 16);
    bool is_whole = true;
    for (int i = 0; i < 3; ++i)
      is_whole &=
          fs::exists(path() / ("mobula." + generation + "." + std::to_string(i) + ".object"));
    // Another one may have come since.
    EXPECT_TRUE(is_whole || contents(path() / list_file) != list) << generation;
    ++looks;
  }
  EXPECT_EQ(got(savers), std::vector(4, 20));
  EXPECT_GT(looks, 0);
  const auto values = got(load<int>(path()));
  EXPECT_EQ(values, std::vector<int>(3, values.at(0)));
  EXPECT_EQ(files().size(), 4U);
}

TEST_F(Checkpoint, IsWhereTheKernelFindsItsFolder) {
  fs::create_directories(path() / "far" / "away");
  fs::create_directory_symlink(path() / "far" / "away", path() / "link");
  const std::string folder = (path() / "link" / ".." / "new" / "one").string();
  save(std::vector{put(7)}, folder);
  EXPECT_TRUE(has_checkpoint(folder));
  EXPECT_TRUE(has_checkpoint((path() / "far" / "new" / "one").string()));
  EXPECT_EQ(got(load<int>(folder)), std::vector{7});
}

// Where nodes are hosts, with a /tmp of their own each.
std::vector<object_ref<std::vector<double>>> large_on_each_node() {
  std::vector<object_ref<std::vector<double>>> refs;
  for (std::uint32_t node = 0; node < node_count(); ++node)
    refs.push_back(remote<[] { return std::vector<double>(100'000, 2.0); }>.with(
        {.strategy = on_node{node}})());
  return refs;
}

TEST_F(CheckpointOfHosts, IsRefusedWhereNotAllSeeTheFolder) {
  const auto refs = large_on_each_node();
  try {
    save(refs, own_);
    ADD_FAILURE() << "saved";
  } catch (const checkpoint_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("does not see the folder '" + own_.string() + "'"));
  }
  EXPECT_FALSE(has_checkpoint(own_));
  EXPECT_TRUE(fs::is_empty(own_));
}

TEST_F(CheckpointOfHosts, IsNotReadFromACopyOnOneOfThem) {
  save(large_on_each_node(), path());
  fs::copy(path(), own_);
  const auto some_are_refused = [&] {
    std::size_t refused_ones = 0;
    for (const auto& one : load<std::vector<double>>(own_)) {
      try {
        EXPECT_EQ(got(one).size(), 100'000U);  // was read where the driver is
      } catch (const checkpoint_error& refused) {
        EXPECT_THAT(refused.what(), HasSubstr("which the program loads"));
        ++refused_ones;
      }
    }
    return refused_ones > 0;
  };
  // Leases of the driver's node may be at hand.
  EXPECT_TRUE(eventually(some_are_refused));
}

struct keeper {
  std::vector<object_ref<int>> refs;
  int keep(int value, std::string folder) {
    refs.push_back(put(value));
    return save_there(refs, folder);
  }
};

TEST_F(Checkpoint, IsForTasksAndActorsToo) {
  std::vector<object_ref<int>> sums;
  for (int i = 0; i < 4; ++i)
    sums.push_back(remote<save_there>(std::vector{put(i), remote<same>(10)},
                                      (path() / std::to_string(i)).string()));
  EXPECT_EQ(got(sums), (std::vector{10, 11, 12, 13}));
  const auto one = actor<keeper>();
  EXPECT_EQ(got(one.call<&keeper::keep>(5, path().string())), 5);
  EXPECT_EQ(got(one.call<&keeper::keep>(6, path().string())), 11);
}

// --- For several jobs, one after the other: CHECKPOINT_FOLDER is theirs ---

fs::path kept() { return std::getenv("CHECKPOINT_FOLDER"); }

TEST(Kept, IsSaved) {
  std::vector<object_ref<field>> refs;
  for (int i = 0; i < 20; ++i) refs.push_back(remote<field_of>(i, 1'000 * i));
  save(refs, kept());
}

TEST(Kept, IsLoaded) {
  const auto values = got(load<field>(kept()));
  ASSERT_EQ(values.size(), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(values[i], field_of(i, 1'000 * i));
}

// Until it is killed.
TEST(Kept, IsReplacedAllTheTime) {
  for (int round = 0;; ++round) {
    std::vector<object_ref<std::vector<double>>> refs;
    for (int i = 0; i < 10; ++i) refs.push_back(remote<numbers_of>(50'000, round));
    save(refs, kept());
  }
}

TEST(Kept, IsWhole) {
  const auto values = got(load<std::vector<double>>(kept()));
  ASSERT_EQ(values.size(), 10U);
  for (const auto& one : values) EXPECT_EQ(one, values[0]);
  EXPECT_EQ(values[0], numbers_of(50'000, values[0][0]));
}

}  // namespace
}  // namespace mobula::job
