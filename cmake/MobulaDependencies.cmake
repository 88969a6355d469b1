# What Mobula builds on; scripts install them from the list in cmake/packages.txt.

# Whoever has this as a part of a project of theirs links some of these targets along with Mobula.
if(NOT PROJECT_IS_TOP_LEVEL)
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
endif()
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS context)
if(MOBULA_MPI)
  find_package(MPI REQUIRED COMPONENTS C)
endif()
find_package(PkgConfig REQUIRED)
pkg_check_modules(UCX REQUIRED IMPORTED_TARGET ucx)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
find_path(MOBULA_XXHASH_INCLUDE_DIR xxhash.h REQUIRED)  # all that there is: nothing is linked
mark_as_advanced(MOBULA_XXHASH_INCLUDE_DIR)
