# What Mobula builds on; scripts install them from the list in cmake/packages.txt.
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS context)
find_package(MPI REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
pkg_check_modules(UCX REQUIRED IMPORTED_TARGET ucx)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
find_path(MOBULA_XXHASH_INCLUDE_DIR xxhash.h REQUIRED)  # all that there is: nothing is linked
mark_as_advanced(MOBULA_XXHASH_INCLUDE_DIR)
find_package(CUDAToolkit QUIET)  # looked for, never required
