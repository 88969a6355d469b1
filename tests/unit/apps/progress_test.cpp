#include "common/progress.hpp"

#include <gmock/gmock.h>

namespace apps {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Progress, WritesBytesWithThreeDigits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1'000), "1.00 kB");
  EXPECT_EQ(bytes_text(12'340), "12.3 kB");
  EXPECT_EQ(bytes_text(999'999), "1.00 MB");
  EXPECT_EQ(bytes_text(5.5e9), "5.50 GB");
  EXPECT_EQ(bytes_text(1e30), "1000000000000000 PB");
}

TEST(Progress, WritesSecondsAsPeopleDo) {
  EXPECT_EQ(seconds_text(0.2), "0 s");
  EXPECT_EQ(seconds_text(59.6), "1 min 0 s");
  EXPECT_EQ(seconds_text(125), "2 min 5 s");
  EXPECT_EQ(seconds_text(3'720), "1 h 2 min");
}

TEST(Progress, DrawsABarOverItselfWithRateAndTimeLeft) {
  progress bar{"counting", 1'000'000, progress::style::bar, 100};
  const auto half = bar.update(500'000, 2.0);
  ASSERT_TRUE(half);
  EXPECT_THAT(*half, AllOf(StartsWith("\rcounting [####"), HasSubstr(" 50 %"),
                           HasSubstr("500 kB of 1.00 MB"), HasSubstr("250 kB/s"),
                           HasSubstr("2 s left"), Not(HasSubstr("\n"))));
  EXPECT_EQ(bar.end(), "\n");
}

TEST(Progress, DrawsNotMoreOftenThanEyesSeeButAlwaysTheEnd) {
  progress bar{"counting", 100, progress::style::bar};
  EXPECT_TRUE(bar.update(1, 0.001));
  EXPECT_FALSE(bar.update(2, 0.002));
  EXPECT_TRUE(bar.update(3, 0.1));
  const auto end = bar.update(100, 0.101);
  ASSERT_TRUE(end);
  EXPECT_THAT(*end, AllOf(HasSubstr("100 %"), Not(HasSubstr("left"))));
}

TEST(Progress, FitsTheTerminal) {
  for (const std::uint32_t width : {20U, 40U, 60U, 80U, 200U}) {
    progress bar{"counting", 3'000'000'000, progress::style::bar, width};
    const auto drawn = bar.update(1'234'567'890, 12.0);
    ASSERT_TRUE(drawn);
    const std::size_t invisible = std::string_view{"\r\x1b[K"}.size();
    EXPECT_LT(drawn->size() - invisible, width);
  }
}

TEST(Progress, SaysPlainLinesEachTenthWhereThereIsNoTerminal) {
  progress lines{"counting", 1'000, progress::style::lines};
  std::size_t said = 0;
  for (std::uint64_t done = 0; done <= 1'000; ++done) {
    const auto line = lines.update(done, static_cast<double>(done) / 100);
    if (!line) continue;
    ++said;
    EXPECT_EQ(line->back(), '\n');
    EXPECT_EQ(line->find('\r'), std::string::npos);
  }
  EXPECT_EQ(said, 11U) << "0 %, 10 % ... 100 %";
  EXPECT_EQ(lines.end(), "");
}

TEST(Progress, OfNothingIsWhole) {
  progress lines{"counting", 0, progress::style::lines};
  EXPECT_THAT(lines.update(0, 0).value_or(""), HasSubstr("100 %"));
}

}  // namespace
}  // namespace apps
