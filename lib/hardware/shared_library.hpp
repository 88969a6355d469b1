#pragma once

#include <dlfcn.h>

#include <string>

namespace mobula::hardware {

/// A library that is looked for at run time and may be missing. Stays loaded: drivers don't like to
/// be unloaded.
class shared_library {
 public:
  explicit shared_library(const std::string& name)
      : handle_{::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)} {}
  explicit operator bool() const { return handle_ != nullptr; }

  /// @returns whether it is there
  template <class Function>
  bool find(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(::dlsym(handle_, name));
    return function != nullptr;
  }

 private:
  void* handle_;
};

}  // namespace mobula::hardware
