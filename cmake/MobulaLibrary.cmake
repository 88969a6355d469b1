# What users link: all layers in one library, mobula::mobula. Its interface carries the headers, what
# they reach, and the wrapped main (lib/launch says why).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(layers GLOBAL PROPERTY mobula_layers)
get_property(externals GLOBAL PROPERTY mobula_externals)
list(REMOVE_DUPLICATES externals)
list(REMOVE_ITEM layers mobula_sim)  # for tests alone

# What the layers link, by the files found here: a user of the installed library needs no finder
# module of MPI's or pkg-config's, and no C compiler, to link it again.
set(link_with Threads::Threads ${CMAKE_DL_LIBS})
foreach(external IN LISTS externals)
  if(external STREQUAL "MPI::MPI_C")
    list(APPEND link_with ${MPI_C_LIBRARIES})
  elseif(external MATCHES "^PkgConfig::(.+)$")
    list(APPEND link_with ${${CMAKE_MATCH_1}_LINK_LIBRARIES})
  elseif(NOT external MATCHES "^(Threads::Threads|Boost::headers)$")
    list(APPEND link_with ${external})
  endif()
endforeach()
list(REMOVE_DUPLICATES link_with)
set(link_with_files ${link_with})
list(TRANSFORM link_with_files REPLACE "^(Boost::.+)$" "$<TARGET_LINKER_FILE:\\1>")

# mobula_library(<target> STATIC|SHARED): libmobula of that kind, of the layers' objects.
function(mobula_library target kind)
  add_library(${target} ${kind})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME mobula EXPORT_NAME mobula LINKER_LANGUAGE CXX
    # Versions of one minor number are compatible, as long as the major one is 0.
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(kind STREQUAL "SHARED")
    # The wrapped main calls the program's own, so it must stand in the program itself.
    add_library(${target}_entry STATIC launch/wrap_main.cpp)
    set_target_properties(${target}_entry PROPERTIES OUTPUT_NAME mobula_entry EXPORT_NAME mobula_entry)
    target_include_directories(${target}_entry PRIVATE ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(${target} INTERFACE ${target}_entry)
    add_dependencies(${target} ${target}_entry)
    # Where it was linked from other places than the system's, it is also found from there.
    set_target_properties(${target} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
    # What it has of other libraries stays its own.
    target_link_options(${target} PRIVATE LINKER:--exclude-libs,ALL)
    # By their files: a user's CMake would look for the targets, and has no need of them.
    set(link_with ${link_with_files})
  endif()
  foreach(layer IN LISTS layers)
    set(objects $<TARGET_OBJECTS:${layer}>)
    if(kind STREQUAL "SHARED" AND layer STREQUAL "mobula_launch")
      set(objects $<FILTER:${objects},EXCLUDE,wrap_main>)
    endif()
    target_sources(${target} PRIVATE ${objects})
  endforeach()
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                 $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  # Users write Boost.Serialization's `serialize`, so our headers may name its headers.
  target_link_libraries(${target} PUBLIC Boost::headers
                                  PRIVATE ${link_with} $<BUILD_INTERFACE:mobula_sanitizers>)
  target_link_options(${target} INTERFACE LINKER:--wrap=main)
endfunction()

# mobula_install(<target> [COMPONENT <name> EXCLUDE_FROM_ALL]): that library, and what finds it.
function(mobula_install target)
  get_target_property(type ${target} TYPE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target})
  # Of one kind in one folder: CMake would write the files for both under one name otherwise.
  set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/${target})
  set(targets ${target})
  set(pc_libraries " -lmobula")
  set(boost_components "COMPONENTS context")
  if(type STREQUAL "SHARED_LIBRARY")
    set(boost_components "")  # its headers alone
    list(APPEND targets ${target}_entry)
    set(pc_libraries " -lmobula_entry -lmobula")
  else()
    # A static library's own needs stand in Libs: nobody passes --static to find out.
    foreach(library IN LISTS link_with)
      if(library STREQUAL "Threads::Threads")
        string(APPEND pc_libraries " -pthread")
      elseif(TARGET ${library})
        string(APPEND pc_libraries " $<TARGET_FILE:${library}>")
      elseif(IS_ABSOLUTE ${library} OR library MATCHES "^-")
        string(APPEND pc_libraries " ${library}")
      else()
        string(APPEND pc_libraries " -l${library}")
      endif()
    endforeach()
  endif()

  install(TARGETS ${targets} EXPORT ${target} ARCHIVE ${ARGN} LIBRARY ${ARGN})
  set(without_mpi "")
  if(NOT MOBULA_MPI)
    set(without_mpi PATTERN mpi.hpp EXCLUDE)
  endif()
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mobula DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${ARGN}
          FILES_MATCHING ${without_mpi} PATTERN *.hpp)

  install(EXPORT ${target} NAMESPACE mobula:: FILE mobulaTargets.cmake DESTINATION ${package_folder} ${ARGN})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/mobulaConfig.cmake.in ${folder}/mobulaConfig.cmake
                                INSTALL_DESTINATION ${package_folder})
  write_basic_package_version_file(${folder}/mobulaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${folder}/mobulaConfig.cmake ${folder}/mobulaConfigVersion.cmake
          DESTINATION ${package_folder} ${ARGN})

  # The same for those who ask pkg-config. It can be moved, unless a folder was given as absolute.
  set(pc_libdir ${CMAKE_INSTALL_FULL_LIBDIR})
  set(pc_includedir ${CMAKE_INSTALL_FULL_INCLUDEDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} AND NOT IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
    file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    set(pc_prefix "\${pcfiledir}/${up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
    set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/mobula.pc.in ${folder}/mobula.pc.in @ONLY)
  file(GENERATE OUTPUT ${folder}/mobula.pc INPUT ${folder}/mobula.pc.in)
  install(FILES ${folder}/mobula.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${ARGN})
endfunction()

set(kind STATIC)
set(other_kind SHARED)
if(BUILD_SHARED_LIBS)
  set(kind SHARED)
  set(other_kind STATIC)
endif()
mobula_library(mobula ${kind})
add_library(mobula::mobula ALIAS mobula)
if(MOBULA_INSTALL)
  mobula_install(mobula)
endif()
if(MOBULA_BUILD_TESTS OR (BUILD_SHARED_LIBS AND MOBULA_BUILD_BENCHMARKS))
  # For tests of both kinds; `cmake --install --component other_kind` installs it instead.
  mobula_library(mobula_of_other_kind ${other_kind})
  set_target_properties(mobula_of_other_kind PROPERTIES
    ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/other_kind
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/other_kind)
  mobula_install(mobula_of_other_kind COMPONENT other_kind EXCLUDE_FROM_ALL)
endif()
# For tests and measurements that reach what a shared one does not show.
if(NOT BUILD_SHARED_LIBS)
  add_library(mobula::static ALIAS mobula)
elseif(TARGET mobula_of_other_kind)
  add_library(mobula::static ALIAS mobula_of_other_kind)
endif()
