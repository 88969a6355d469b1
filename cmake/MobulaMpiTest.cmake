# What every test under mpirun runs with: Open MPI refuses to run as root unless told twice (for others
# the variables mean nothing), and leaks, so that only tests without a launcher look for leaks.
set(mobula_mpi_environment OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
                           LSAN_OPTIONS=detect_leaks=0)

# A test under a launcher: mobula_mpi_test(<name> RANKS <n>... SOURCES <file>... [LINK <target>...]
# [ARGUMENTS <argument>...] [ENVIRONMENT <NAME=value>...] [TIMEOUT <seconds>])
# builds one program, and adds a test <name>_<n> for each number of ranks; 0 is no launcher at all.
function(mobula_mpi_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "RANKS;SOURCES;LINK;ARGUMENTS;ENVIRONMENT")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} mobula_warnings mobula_sanitizers)
  # The C++ bindings that mpi.h may bring along need a library of their own.
  target_compile_definitions(${name} PRIVATE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)
  foreach(ranks IN LISTS arg_RANKS)
    set(start "")
    set(environment ${arg_ENVIRONMENT})
    if(ranks GREATER 0)
      set(start ${MPIEXEC_EXECUTABLE} --oversubscribe ${MPIEXEC_NUMPROC_FLAG} ${ranks})
      list(APPEND environment ${mobula_mpi_environment})
    endif()
    add_test(NAME ${name}_${ranks} COMMAND ${start} $<TARGET_FILE:${name}> ${arg_ARGUMENTS})
    set_tests_properties(${name}_${ranks} PROPERTIES
      TIMEOUT ${arg_TIMEOUT} PROCESSORS 2 ENVIRONMENT "${environment}")
  endforeach()
endfunction()
