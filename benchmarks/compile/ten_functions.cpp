// What a user's file with ten remote functions costs to compile; compare standard_headers.cpp.
#include <mobula/mobula.hpp>

#include <string>
#include <vector>

namespace {

int add(int a, int b) { return a + b; }
double scale(double value, double by) { return value * by; }
std::string greet(const std::string& name) { return "hello " + name; }
std::vector<double> squares(const std::vector<double>& values) {
  std::vector<double> all;
  for (const double value : values) all.push_back(value * value);
  return all;
}
double sum(std::span<const double> values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}
std::size_t length(std::string_view text) { return text.size(); }
std::pair<int, int> ordered(int a, int b) { return a < b ? std::pair{a, b} : std::pair{b, a}; }
std::vector<int> numbers(int count) { return std::vector<int>(static_cast<std::size_t>(count), 1); }
bool even(std::int64_t value) { return value % 2 == 0; }
void nothing() {}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime job{argc, argv};
  const auto three = mobula::remote<add>(1, 2);
  const auto half = mobula::remote<scale>(1.0, 0.5);
  const auto hello = mobula::remote<greet>("you");
  const auto four = mobula::remote<squares>(std::vector<double>{1, 2});
  const auto total = mobula::remote<sum>(four);
  const auto five = mobula::remote<length>(hello);
  const auto both = mobula::remote<ordered>(three, 2);
  const auto ones = mobula::remote<numbers>(three);
  const auto odd = mobula::remote<even>(7);
  const auto done = mobula::remote<nothing>();
  mobula::get(done);
  return mobula::get(total) == 5 && mobula::get(half) == 0.5 && !mobula::get(odd) ? 0 : 1;
}
