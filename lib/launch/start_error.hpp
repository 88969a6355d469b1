#pragma once

#include <stdexcept>

namespace mobula::launch {

/// The program can't start as it was started: a bad setting, ranks that differ, no room for a
/// child. Its text is a sentence for the person who typed the command. The runtime passes it on as
/// mobula::error; before `main` it is printed and the process leaves with status 2.
class start_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mobula::launch
