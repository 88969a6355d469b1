// Programs that must not compile, each with a piece of the sentence that must be said. check.sh
// compiles each by itself, and the rest without any.

#include <chrono>
#include <functional>
#include <memory>
#include <mobula/mobula.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;

int add(int a, int b) { return a + b; }
int with_default(int a, int b = 2) { return a + b; }
struct counter {
  int value = 0;
  int increment() { return ++value; }
};
struct has_string {
  std::string text;
};

// What is right, so that nothing fails for another reason.
void right() {
  auto sum = mobula::remote<add>.with({.cpus = 2})(mobula::remote<add>(1, 2), 3);
  auto c = mobula::actor<counter>();
  auto one = c.call<&counter::increment>();
  mobula::get(std::vector{sum, one}, 1s);
}

// --- Parameters ---

#ifdef pointer_parameter
// says: a remote function can't take a pointer
int f(const int* p) { return *p; }
void wrong(int* p) { mobula::remote<f>(p); }
#endif

#ifdef array_to_be_written_as_parameter
// says: a remote function can't take a shared_array<T> to write
double f(mobula::shared_array<double> a) { return a[0]; }
void wrong(mobula::shared_array<double> a) { mobula::remote<f>(std::move(a)); }
#endif

#ifdef array_given_by_copy
// says: a shared_array that is being written can't be copied: std::move it
double f(std::span<const double> a) { return a[0]; }
void wrong(mobula::shared_array<double>& a) { mobula::remote<f>(a); }
#endif

#ifdef array_put_by_copy
// says: put(std::move(it))
void wrong(mobula::shared_array<double>& a) { mobula::put(a); }
#endif

#ifdef arrays_in_a_container_put_by_copy
// says: a container of shared_arrays that are being written can't be copied: std::move it
void wrong(std::vector<mobula::shared_array<double>>& all) { mobula::put(all); }
#endif

#ifdef arrays_in_a_container_given_by_copy
// says: a container of shared_arrays that are being written can't be copied: std::move it
void f(std::vector<mobula::shared_array<const double>> all) { static_cast<void>(all); }
void wrong(std::vector<mobula::shared_array<double>>& all) { mobula::remote<f>(all); }
#endif

#ifdef array_of_other_elements
// says: it must be a shared_array<const T> or a std::span<const T> of the same elements
double f(std::span<const double> a) { return a[0]; }
void wrong(mobula::shared_array<float> a) { mobula::remote<f>(std::move(a)); }
#endif

#ifdef array_of_strings
// says: a shared_array's elements must be trivially copyable
mobula::shared_array<std::string> wrong() { return mobula::shared_array<std::string>(3); }
#endif

#ifdef array_of_pointers
// says: a shared_array's elements can't have pointers
mobula::shared_array<int*> wrong() { return mobula::shared_array<int*>(3); }
#endif

#ifdef array_to_be_written_inside
// says: a shared_array<T> is received as a shared_array<const T>
struct holds_one {
  mobula::shared_array<double> values;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& values;
  }
};
holds_one f() { return {}; }
void wrong() { mobula::get(mobula::remote<f>()); }
#endif

#ifdef literal_for_pointer_parameter
// says: a remote function can't take a pointer
int f(const char* p) { return *p; }
void wrong() { mobula::remote<f>("text"); }
#endif

#ifdef changeable_reference_parameter
// says: a remote function can't take a non-const reference
int f(std::vector<int>& v) { return v[0]; }
void wrong(std::vector<int> v) { mobula::remote<f>(v); }
#endif

#ifdef changeable_span_parameter
// says: a remote function can't take a span of what can be changed
int f(std::span<int> v) { return v[0]; }
void wrong(std::vector<int> v) { mobula::remote<f>(v); }
#endif

#ifdef fixed_span_parameter
// says: a remote function can't take a span of fixed extent
int f(std::span<const int, 2> v) { return v[0]; }
void wrong(std::array<int, 2> v) { mobula::remote<f>(v); }
#endif

#ifdef span_of_unsendable
// says: this type can't be sent: give it a serialize
int f(std::span<const has_string> v) { return static_cast<int>(v.size()); }
void wrong(std::vector<has_string> v) { mobula::remote<f>(v); }
#endif

// --- Results ---

#ifdef reference_result
// says: a remote function can't return a reference
int& f() {
  static int value;
  return value;
}
void wrong() { mobula::remote<f>(); }
#endif

#ifdef pointer_result
// says: a remote function can't return a pointer
int* f() { return nullptr; }
void wrong() { mobula::remote<f>(); }
#endif

#ifdef span_result
// says: a remote function can't return a view or span
std::span<const int> f() { return {}; }
void wrong() { mobula::remote<f>(); }
#endif

#ifdef string_view_result
// says: a remote function can't return a view or span
std::string_view f() { return {}; }
void wrong() { mobula::remote<f>(); }
#endif

#ifdef method_reference_result
// says: a remote function can't return a reference
struct named {
  std::string name;
  const std::string& get_name() const { return name; }
};
void wrong(mobula::actor_handle<named> n) { n.call<&named::get_name>(); }
#endif

// --- What is inside ---

#ifdef pointer_inside_container
// says: a pointer can't be sent
void wrong(std::vector<int*> v) { mobula::put(v); }
#endif

#ifdef string_view_inside_container
// says: a view, span or iterator can't be sent here
void wrong(std::vector<std::string_view> v) { mobula::put(v); }
#endif

#ifdef span_inside_pair
// says: a view, span or iterator can't be sent here
void wrong(std::pair<int, std::span<const int>> v) { mobula::put(v); }
#endif

#ifdef reference_wrapper_inside
// says: a std::reference_wrapper can't be sent
void wrong(std::vector<std::reference_wrapper<int>> v) { mobula::put(v); }
#endif

#ifdef pointer_inside_struct
// says: it has a pointer, view or reference inside
struct node {
  int value;
  node* next;
};
void wrong(node n) { mobula::put(n); }
#endif

#ifdef pointer_in_serialize
// says: a pointer can't be sent
struct node {
  int* value = nullptr;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
  }
};
void wrong(node n) { mobula::put(n); }
#endif

#ifdef shared_pointer_inside
// says: a std::shared_ptr or weak_ptr can't be sent
void wrong(std::vector<std::shared_ptr<int>> v) { mobula::put(v); }
#endif

#ifdef unique_pointer_to_base
// says: a std::unique_ptr to a class with virtual functions can't be sent
struct shape {
  virtual ~shape() = default;
};
void wrong(std::unique_ptr<shape> v) { mobula::put(std::move(v)); }
#endif

#ifdef no_serialize
// says: this type can't be sent: give it a serialize(archive, version)
void wrong(has_string v) { mobula::put(v); }
#endif

#ifdef no_serialize_in_result
// says: this type can't be sent: give it a serialize(archive, version)
std::vector<has_string> f() { return {}; }
void wrong() { mobula::remote<f>(); }
#endif

#ifdef no_default_constructor
// says: a type with serialize must have a default constructor
struct made_of {
  explicit made_of(int) {}
  std::string text;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& text;
  }
};
int f(made_of) { return 1; }
void wrong(made_of v) { mobula::remote<f>(v); }
#endif

// --- Arguments ---

#ifdef too_few_arguments
// says: wrong number of arguments
void wrong() { mobula::remote<add>(1); }
#endif

#ifdef default_argument
// says: default arguments don't reach it
void wrong() { mobula::remote<with_default>(1); }
#endif

#ifdef too_many_arguments_of_method
// says: wrong number of arguments
void wrong(mobula::actor_handle<counter> c) { c.call<&counter::increment>(1); }
#endif

#ifdef wrong_type
// says: it doesn't convert to the type of the remote function's parameter
void wrong() { mobula::remote<add>(1, "2"); }
#endif

#ifdef ref_of_wrong_type
// says: an object_ref was given whose value is not of the parameter's type
void wrong(mobula::object_ref<long> ref) { mobula::remote<add>(1, ref); }
#endif

#ifdef completion_as_value
// says: an object_ref was given whose value is not of the parameter's type
void wrong(mobula::object_ref<void> ref) { mobula::remote<add>(1, ref); }
#endif

#ifdef number_for_ref_parameter
// says: it doesn't convert to the type of the remote function's parameter
int f(mobula::object_ref<int> ref) { return mobula::get(ref); }
void wrong() { mobula::remote<f>(1); }
#endif

// --- What can be remote ---

#ifdef method_by_itself
// says: a method can't be remote by itself
void wrong(counter c) { mobula::remote<&counter::increment>(c); }
#endif

#ifdef generic_lambda
// says: with its parameter types written out
void wrong() {
  mobula::remote<[](auto v) { return v; }>(1);
}
#endif

#ifdef variadic_function
// says: this can't be remote
int f(int, ...) { return 1; }
void wrong() { mobula::remote<f>(1); }
#endif

#ifdef lambda_with_capture
// says: error
void wrong(int n) {
  mobula::remote<[n](int v) { return v + n; }>(1);
}
#endif

#ifdef overloaded_name
// says: error
int f(int v) { return v; }
int f(double) { return 1; }
void wrong() { mobula::remote<f>(1); }
#endif

#ifdef split_of_one
// says: split needs a function that returns a std::tuple or std::pair
void wrong() { mobula::remote<add>.split(1, 2); }
#endif

#ifdef split_of_vector_without_parts
// says: Say split(parts{n}, ...)
std::vector<int> f() { return {}; }
void wrong() { mobula::remote<f>.split(); }
#endif

#ifdef parts_of_tuple
// says: split(parts{n}, ...) needs a function that returns a std::vector
std::tuple<int, int> f() { return {}; }
void wrong() { mobula::remote<f>.split(mobula::parts{2}); }
#endif

// --- Actors ---

#ifdef no_such_constructor
// says: the actor's class has no constructor for these arguments
struct gauge {
  explicit gauge(int) {}
};
void wrong() { mobula::actor<gauge>("text", 2); }
#endif

#ifdef constructor_of_pointer
// says: the actor's class has no constructor for these arguments
struct label {
  explicit label(const char*) {}
};
void wrong() { mobula::actor<label>("text"); }
#endif

#ifdef abstract_actor
// says: an actor needs a class that can be instantiated
struct shape {
  virtual int area() = 0;
};
void wrong() { mobula::actor<shape>(); }
#endif

#ifdef method_of_another_class
// says: call needs a method of the actor's class
struct other {
  int f() { return 1; }
};
void wrong(mobula::actor_handle<counter> c) { c.call<&other::f>(); }
#endif

// --- Refs and options ---

#ifdef ref_of_reference
// says: an object_ref names a value, not a reference
void wrong() { mobula::object_ref<int&> ref; }
#endif

#ifdef options_out_of_order
// says: cpus
void wrong() { mobula::remote<add>.with({.gpus = 1, .cpus = 1})(1, 2); }
#endif

#ifdef hook_of_another_shape
// says: on_worker_start needs a function that can be called with (argc, argv)
void wrong() { mobula::on_worker_start<add>(); }
#endif

#ifdef unused_options
// says: nodiscard
void wrong() { mobula::remote<add>.with({.cpus = 1}); }
#endif

#ifdef unused_runtime
// says: nodiscard
int main(int argc, char** argv) { mobula::runtime(argc, argv); }
#endif

#ifdef saves_refs_of_nothing
// says: an object_ref<void> has no value that could be saved
void wrong() { mobula::save(std::vector<mobula::object_ref<void>>{}, "folder"); }
#endif

#ifdef saves_refs
// says: a ref can't be saved: it would name nothing in a file; save what it names
void wrong() { mobula::save(std::vector<mobula::object_ref<mobula::object_ref<int>>>{}, "folder"); }
#endif

#ifdef loads_refs
// says: a ref can't be saved: it would name nothing in a file; save what it names
auto wrong() { return mobula::load<mobula::object_ref<int>>("folder"); }
#endif
