// Forms of calls, types and actors that programs come up with: each compiles without a warning and
// has the same result alone, in ranks and on several nodes.

#include <array>
#include <boost/serialization/access.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <chrono>
#include <complex>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mobula/mobula.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "launch/expect.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace mobula::literals;
using mobula::actor;
using mobula::get;
using mobula::object_ref;
using mobula::put;
using mobula::remote;

// --- values ---

struct only_moves {
  std::unique_ptr<int> value;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
  }
};
only_moves make_only(int value) { return {std::make_unique<int>(value)}; }
int by_value(only_moves one) { return *one.value; }
int by_const_reference(const only_moves& one) { return *one.value + 1; }
int by_rvalue(only_moves&& one) { return *one.value + 2; }

struct point {  // no default constructor
  int x, y;
  point(int a, int b) : x{a}, y{b} {}
};
point mirror(point one) { return {one.y, one.x}; }
std::vector<point> points(int count) {
  std::vector<point> all;
  for (int i = 0; i < count; ++i) all.emplace_back(i, -i);
  return all;
}
std::optional<point> maybe(bool is) { return is ? std::optional{point{1, 2}} : std::nullopt; }
std::variant<int, std::string, point> either(int which) {
  if (which == 0) return 5;
  if (which == 1) return "text"s;
  return point{7, 8};
}
std::pair<std::unique_ptr<int>, int> boxed() { return {std::make_unique<int>(4), 5}; }

class closed {
 public:
  closed() = default;
  explicit closed(int value) : value_{value} {}
  int value() const { return value_; }

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& archive, const unsigned) {
    archive& value_;
  }
  int value_ = 0;
};
struct in_two_halves {
  std::vector<std::string> names;
  int numbers[2] = {};
  template <class Archive>
  void save(Archive& archive, unsigned) const {
    archive << names << numbers;
  }
  template <class Archive>
  void load(Archive& archive, unsigned) {
    archive >> names >> numbers;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

void pass_unusual_values() {
  EXPECT_THAT_IT_HOLDS(get(remote<by_value>(make_only(5))) == 5);
  EXPECT_THAT_IT_HOLDS(get(remote<by_value>(remote<make_only>(6))) == 6);
  EXPECT_THAT_IT_HOLDS(get(remote<by_const_reference>(put(make_only(6)))) == 7);
  EXPECT_THAT_IT_HOLDS(get(remote<by_rvalue>(remote<make_only>(6))) == 8);
  EXPECT_THAT_IT_HOLDS(get(remote<mirror>(remote<mirror>(point{1, 2}))).x == 1);
  EXPECT_THAT_IT_HOLDS(get(remote<points>.split(mobula::parts{3}, 3))[2].y == -2);
  EXPECT_THAT_IT_HOLDS(get(remote<maybe>(true))->y == 2 && !get(remote<maybe>(false)));
  EXPECT_THAT_IT_HOLDS(std::get<1>(get(remote<either>(1))) == "text");
  EXPECT_THAT_IT_HOLDS(std::get<2>(get(remote<either>(2))).y == 8);
  const auto [first, second] = remote<boxed>.split();
  EXPECT_THAT_IT_HOLDS(*get(first) == 4 && get(second) == 5);
  constexpr auto value_of = [](const closed& one) { return one.value(); };
  EXPECT_THAT_IT_HOLDS(get(remote<value_of>(closed{4})) == 4);
  const auto halves = get(put(in_two_halves{{"a", "b"}, {1, 2}}));
  EXPECT_THAT_IT_HOLDS(halves.names.size() == 2 && halves.numbers[1] == 2);
  EXPECT_THAT_IT_HOLDS(get(put(std::complex{0.0, 1.0})).imag() == 1.0);
  EXPECT_THAT_IT_HOLDS(get(put(std::filesystem::path{"/a"} / "b")) == "/a/b");
  EXPECT_THAT_IT_HOLDS(get(put(std::tuple<>{})) == std::tuple<>{});
  EXPECT_THAT_IT_HOLDS(get(put(std::vector<std::vector<double>>(3, {1.5}))).at(2).at(0) == 1.5);
  EXPECT_THAT_IT_HOLDS(get(put(std::map<int, std::set<std::string>>{{1, {"x"}}})).at(1).size() ==
                       1);
}

// --- calls ---

double norm(std::span<const double> x) {
  double sum = 0;
  for (const double each : x) sum += each * each;
  return sum;
}
std::string joined(const std::string& a, std::string_view b, std::string c) {
  return a + std::string{b} + c;
}
int twice(int value) { return 2 * value; }
std::string twice(const std::string& value) { return value + value; }
template <class T, int Times>
T times(T value) {
  return value * Times;
}
struct statics {
  static int half(int value) noexcept { return value / 2; }
  static constexpr auto hundred_more = [](int value) { return value + 100; };
};
struct triples {
  int operator()(int value) const { return 3 * value; }
};
std::chrono::milliseconds in_milliseconds(std::chrono::seconds length) { return length; }
std::vector<int> numbers(int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i);
  return all;
}
std::tuple<int> single() { return {9}; }
int depth(int levels) { return levels == 0 ? 0 : 1 + get(remote<depth>(levels - 1)); }

void call_in_unusual_ways() {
  const double raw[] = {3, 4};
  EXPECT_THAT_IT_HOLDS(get(remote<norm>(raw)) == 25);
  EXPECT_THAT_IT_HOLDS(get(remote<norm>(std::array{3.0, 4.0})) == 25);
  EXPECT_THAT_IT_HOLDS(get(remote<norm>(put(std::span<const double>{raw}))) == 25);
  EXPECT_THAT_IT_HOLDS(get(remote<norm>(std::vector<double>{})) == 0);
  EXPECT_THAT_IT_HOLDS(get(remote<norm>(put(std::vector<double>{}))) == 0);
  EXPECT_THAT_IT_HOLDS(get(remote<joined>(put("a"), "b", remote<joined>("x", "y"s, "z"))) ==
                       "abxyz");
  EXPECT_THAT_IT_HOLDS(get(remote<static_cast<int (*)(int)>(twice)>(3)) == 6);
  EXPECT_THAT_IT_HOLDS(get(remote<static_cast<std::string (*)(const std::string&)>(twice)>("q")) ==
                       "qq");
  EXPECT_THAT_IT_HOLDS((get(remote<times<double, 2>>(1.5)) == 3));
  EXPECT_THAT_IT_HOLDS(get(remote<&statics::half>(8)) == 4);
  EXPECT_THAT_IT_HOLDS(get(remote<statics::hundred_more>(1)) == 101);
  EXPECT_THAT_IT_HOLDS(get(remote<triples{}>(2)) == 6);
  EXPECT_THAT_IT_HOLDS(get(remote<in_milliseconds>(1min)) == 60s);
  EXPECT_THAT_IT_HOLDS(get(remote<depth>(30)) == 30);
  const auto [only] = remote<single>.split();
  EXPECT_THAT_IT_HOLDS(get(only) == 9);
  const auto very_many = remote<numbers>.split(mobula::parts{20'000}, 20'000);
  EXPECT_THAT_IT_HOLDS(get(very_many).back() == 19'999);
  const auto cheap = remote<depth>.with(
      {.cpus = 0.5, .memory_bytes = 1_MiB, .resources = {{"ssd", 1}}, .name = "d"});
  EXPECT_THAT_IT_HOLDS(get(cheap(1)) == 1 && get(cheap(remote<depth>(2))) == 2);
  constexpr auto size = [](std::string_view text) { return text.size(); };
  EXPECT_THAT_IT_HOLDS(get(remote<size>(put(std::string(3 << 20, 'x')))) == 3 << 20);
}

// --- refs ---

struct bundle {
  std::string name;
  object_ref<int> number;
  std::list<object_ref<std::string>> texts;
  std::optional<object_ref<double>> maybe;
  object_ref<int> empty;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& number& texts& maybe& empty;
  }
};
std::string open(const bundle& one) {
  std::string all = one.name + std::to_string(get(one.number));
  for (const auto& text : one.texts) all += get(text);
  return all + (one.maybe && get(*one.maybe) == 2.5 ? "!" : "") + (one.empty ? "?" : "");
}
void await_anything(object_ref<void> one) { get(one); }
object_ref<int> a_ref(int value) { return put(value); }
int through(const object_ref<int>& ref) { return get(ref); }

void use_refs_in_unusual_ways() {
  const auto one = remote<depth>(1);
  const auto text = put("t");
  const auto real = put(2.5);
  const bundle given{"n", one, {text, put("u"s)}, real, {}};
  EXPECT_THAT_IT_HOLDS(get(remote<open>(given)) == "n1tu!");
  EXPECT_THAT_IT_HOLDS(get(remote<open>(put(given))) == "n1tu!");
  EXPECT_THAT_IT_HOLDS(get(remote<through>(remote<a_ref>(5))) == 5);
  EXPECT_THAT_IT_HOLDS(get(get(remote<a_ref>(4))) == 4);
  get(remote<await_anything>(one));
  get(remote<await_anything>(object_ref<void>{text}));
  const std::vector<object_ref<void>> mixed{one, text, real};
  get(mixed, 1h);
  auto [ready, pending] =
      mobula::wait(mixed, {.count = 3, .timeout = std::chrono::duration<float>{60}});
  EXPECT_THAT_IT_HOLDS(ready == mixed && pending.empty());
  EXPECT_THAT_IT_HOLDS(get(std::tuple{one, text, real}, std::chrono::days{1}) ==
                       std::tuple(1, "t"s, 2.5));
  EXPECT_THAT_IT_HOLDS(*std::get<0>(get(std::tuple{remote<make_only>(3), one})).value == 3);
  EXPECT_THAT_IT_HOLDS((std::unordered_set{one, one, remote<depth>(1)}.size() == 2));
  std::vector<object_ref<int>> moved{one, remote<depth>(2)};
  auto halves = mobula::wait(std::move(moved), {.count = 2});
  EXPECT_THAT_IT_HOLDS(get(halves.ready) == (std::vector{1, 2}));
  int sum = 0;
  for (const auto& ref : mobula::as_completed(halves.ready, 1min)) sum += get(ref);
  EXPECT_THAT_IT_HOLDS(sum == 3);
}

// --- actors ---

struct animal {
  int legs = 4;
  int count_legs() const { return legs; }
  virtual std::string voice() { return ""; }
  virtual ~animal() = default;
};
struct dog : animal {
  std::string name;
  dog(std::string called, int with_legs) : name{std::move(called)} { legs = with_legs; }
  std::string voice() override { return "woof"; }
  int speak(int times) { return times; }
  std::string speak(const std::string& to) const { return name + " to " + to; }
  std::unique_ptr<int> boxed() noexcept { return std::make_unique<int>(legs); }
};
struct plain {
  int number;
  std::string text;
  std::string both() const { return std::to_string(number) + text; }
};
struct keeper {
  object_ref<int> number;
  object_ref<std::string> text;
  keeper(object_ref<int> a, object_ref<std::string> b) : number{std::move(a)}, text{std::move(b)} {}
  std::string both() { return std::to_string(get(number)) + get(text); }
};
template <class T>
struct summer {
  T sum{};
  T add(std::span<const T> more) {
    for (const T& each : more) sum += each;
    return sum;
  }
};
struct caller {
  mobula::actor_handle<summer<int>> whom;
  std::unique_ptr<int> own;
  caller(mobula::actor_handle<summer<int>> other, std::unique_ptr<int> value)
      : whom{std::move(other)}, own{std::move(value)} {}
  int call() { return *own + get(whom.call<&summer<int>::add>(std::vector{1, 2})); }
};

void use_unusual_actors() {
  const auto rex = actor<dog>("rex", 3);
  EXPECT_THAT_IT_HOLDS(get(rex.call<&animal::count_legs>()) == 3);
  EXPECT_THAT_IT_HOLDS(get(rex.call<&animal::voice>()) == "woof");
  EXPECT_THAT_IT_HOLDS(get(rex.call<static_cast<int (dog::*)(int)>(&dog::speak)>(2)) == 2);
  constexpr auto speak = static_cast<std::string (dog::*)(const std::string&) const>(&dog::speak);
  EXPECT_THAT_IT_HOLDS(get(rex.call<speak>(put("you"))) == "rex to you");
  EXPECT_THAT_IT_HOLDS(*get(rex.call<&dog::boxed>()) == 3);
  const auto one = remote<depth>(1);
  EXPECT_THAT_IT_HOLDS(get(actor<plain>(one, "p").call<&plain::both>()) == "1p");
  EXPECT_THAT_IT_HOLDS(get(actor<keeper>(one, put("k")).call<&keeper::both>()) == "1k");
  const auto ints = actor<summer<int>>.with({.cpus = 0.5})();
  EXPECT_THAT_IT_HOLDS(get(ints.call<&summer<int>::add>(put(std::vector{1, 2}))) == 3);
  EXPECT_THAT_IT_HOLDS(get(actor<caller>(ints, std::make_unique<int>(10)).call<&caller::call>()) ==
                       16);
  EXPECT_THAT_IT_HOLDS(get(ints.with({.name = "x"}).call<&summer<int>::add>(std::vector<int>{})) ==
                       6);
}

// --- errors ---

struct own_error {};

template <class Thrown>
std::string type_thrown() {
  try {
    get(remote<[]() -> int { throw Thrown{}; }>());
  } catch (const mobula::task_error& failure) {
    return failure.exception_type();
  }
  return "";
}

void throw_unusual_things() {
  EXPECT_THAT_IT_HOLDS(type_thrown<int>() == "int");
  EXPECT_THAT_IT_HOLDS(type_thrown<own_error>().ends_with("own_error"));
  EXPECT_THAT_IT_HOLDS(type_thrown<std::bad_alloc>() == "std::bad_alloc");
  try {
    get(remote<[] {
      try {
        throw std::runtime_error{"inner"};
      } catch (...) {
        std::throw_with_nested(std::logic_error{"outer"});
      }
    }>());
    EXPECT_THAT_IT_HOLDS(false);
  } catch (const mobula::task_error& failure) {
    EXPECT_THAT_IT_HOLDS(failure.message() == "outer");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime(argc, argv,
                                {.cpus = 4,
                                 .gpus = 1,
                                 .memory_bytes = 8_GiB,
                                 .resources = {{"ssd", 1}, {"slot", 2.5}},
                                 .store_bytes = 256_MiB});
  pass_unusual_values();
  call_in_unusual_ways();
  use_refs_in_unusual_ways();
  use_unusual_actors();
  throw_unusual_things();
  return 0;
}
