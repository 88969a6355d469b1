// command_of_ranks LAUNCHER PROGRAM: a command with a rank for each cpu of the job; what it wrote,
// and its status.

#include <iostream>
#include <map>
#include <mobula/mobula.hpp>
#include <string>

int main(int argc, char** argv) {
  const mobula::runtime job{argc, argv, {.cpus = 2}};
  const std::map<std::string, mobula::mpi_launcher> launchers{
      {"automatic", mobula::mpi_launcher::automatic}, {"mpich", mobula::mpi_launcher::mpich}};
  const mobula::command program{.argv = {argv[2]},
                                .ranks = mobula::cluster_resources().at("cpus"),
                                .launcher = launchers.at(argv[1])};
  const mobula::command_result result = mobula::get(program());
  std::cout << result.output << "status " << result.status << '\n' << result.last_error;
}
