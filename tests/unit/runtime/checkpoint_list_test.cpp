#include "runtime/checkpoint_list.hpp"

#include <gmock/gmock.h>

#include "mobula/errors.hpp"
#include "runtime/checksum.hpp"

namespace mobula::detail {
namespace {

using testing::HasSubstr;

checkpoint_list some_list() {
  checkpoint_list list;
  list.type = "std::vector<double>";
  list.layout = 0x1234;
  list.generation = 0xfedc'ba98'7654'3210;
  list.objects = {{100, 7}, {0, ~std::uint64_t{0}}, {std::uint64_t{1} << 40, 0}};
  return list;
}

std::string refusal(const std::string& text) {
  try {
    read_list(text, "/the/path");
  } catch (const checkpoint_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("/the/path"));
    return refused.what();
  }
  return "nothing";
}

/// The text with a last line that is right, whatever was changed before it.
std::string sealed(std::string text) {
  text.erase(text.rfind("end "));
  checksum sum;
  sum.add(std::as_bytes(std::span{text}));
  char line[32];
  std::snprintf(line, sizeof line, "end %016llx\n", static_cast<unsigned long long>(sum.value()));
  return text + line;
}

std::string with(std::string text, const std::string& part, const std::string& other) {
  text.replace(text.find(part), part.size(), other);
  return sealed(text);
}

TEST(CheckpointList, ReadsWhatItWrites) {
  const checkpoint_list list = some_list();
  const checkpoint_list read = read_list(list.text(), "");
  EXPECT_EQ(read.type, list.type);
  EXPECT_EQ(read.layout, list.layout);
  EXPECT_EQ(read.generation, list.generation);
  EXPECT_EQ(read.objects, list.objects);
  EXPECT_EQ(sealed(list.text()), list.text());
}

// A list of one version of Mobula is read by all that call themselves by the same number.
TEST(CheckpointList, LooksAsItDid) {
  EXPECT_EQ(some_list().text(),
            "mobula checkpoint 1\n"
            "type std::vector<double>\n"
            "layout 0000000000001234\n"
            "byte order little\n"
            "generation fedcba9876543210\n"
            "objects 3: file, bytes, checksum\n"
            "mobula.fedcba9876543210.0.object 100 0000000000000007\n"
            "mobula.fedcba9876543210.1.object 0 ffffffffffffffff\n"
            "mobula.fedcba9876543210.2.object 1099511627776 0000000000000000\n"
            "end 0e4afc96763db4c2\n");
}

TEST(CheckpointList, RefusesWhatItCantRead) {
  const std::string text = some_list().text();
  EXPECT_THAT(refusal(""), HasSubstr("was not written by mobula::save"));
  EXPECT_THAT(refusal("something else\n"), HasSubstr("was not written by mobula::save"));
  EXPECT_THAT(refusal(with(text, "checkpoint 1", "checkpoint 2")), HasSubstr("in form 2"));
  EXPECT_THAT(refusal(with(text, "order little", "order big")), HasSubstr("big-endian"));
  EXPECT_THAT(refusal(text.substr(0, text.size() - 1)), HasSubstr("is torn"));
  EXPECT_THAT(refusal(text + text), HasSubstr("is torn"));
  // With a checksum that is right: another program's, or a bug.
  EXPECT_THAT(refusal(with(text, "objects 3", "objects 4")), HasSubstr("does not say"));
  EXPECT_THAT(refusal(with(text, "objects 3", "objects 2")), HasSubstr("does not say"));
  EXPECT_THAT(refusal(with(text, ".1.object", ".5.object")), HasSubstr("does not say"));
  EXPECT_THAT(refusal(with(text, "layout ", "layout x")), HasSubstr("does not say"));
}

TEST(CheckpointList, KnowsItsFilesByTheirNames) {
  EXPECT_EQ(object_file(0x12, 34), "mobula.0000000000000012.34.object");
  EXPECT_EQ(saving_file(0x12), "mobula.0000000000000012.saving");
  EXPECT_EQ(generation_of(object_file(0x12, 34)), 0x12U);
  EXPECT_EQ(generation_of(saving_file(~std::uint64_t{0})), ~std::uint64_t{0});
  for (const char* other : {"", "mobula", "mobula.", "mobula.checkpoint", "mobula.0000000000000012",
                            "mobula.0000000000000012.", "mobula.0000000000000012.object",
                            "mobula.0000000000000012..object", "mobula.0000000000000012.x.object",
                            "mobula.0000000000000012.1.object2", "mobula.000000000000012.1.object",
                            "mobula.00000000000000123.1.object", "mobula.000000000000001x.saving",
                            "a.mobula.0000000000000012.saving", "mobula.0000000000000012.saving~"})
    EXPECT_EQ(generation_of(other), std::nullopt) << other;
}

}  // namespace
}  // namespace mobula::detail
