#include "launch/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace mobula::launch {

namespace {

bool is_named(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
}

}  // namespace

environment this_environment() {
  environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    variables.emplace_back(*entry);
  }
  return variables;
}

std::vector<std::string> this_command_line() {
  std::ifstream file{"/proc/self/cmdline", std::ios::binary};
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

std::optional<std::string_view> find_variable(const environment& variables, std::string_view name) {
  for (const std::string& entry : variables) {
    if (is_named(entry, name)) return std::string_view{entry}.substr(name.size() + 1);
  }
  return std::nullopt;
}

void set_variable(environment& variables, std::string_view name, std::string_view value) {
  std::string entry{name};
  entry.append("=").append(value);
  const auto there = std::find_if(variables.begin(), variables.end(),
                                  [&](const std::string& one) { return is_named(one, name); });
  if (there != variables.end()) {
    *there = std::move(entry);
  } else {
    variables.push_back(std::move(entry));
  }
}

void set_variables(environment& variables, const environment& more) {
  for (const std::string& one : more) set_variable(variables, name_in(one), value_in(one));
}

std::string_view name_in(std::string_view entry) { return entry.substr(0, entry.find('=')); }

std::string_view value_in(std::string_view entry) {
  return entry.substr(std::min(name_in(entry).size() + 1, entry.size()));
}

}  // namespace mobula::launch
