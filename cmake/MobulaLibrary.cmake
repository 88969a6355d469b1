# mobula::mobula, what users link: all layers in one library, static unless BUILD_SHARED_LIBS. Its
# interface carries the headers, what they reach, and the wrapped main (lib/launch says why).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(layers GLOBAL PROPERTY mobula_layers)
get_property(externals GLOBAL PROPERTY mobula_externals)
list(REMOVE_DUPLICATES externals)
list(REMOVE_ITEM layers mobula_sim)  # for tests alone

add_library(mobula)
add_library(mobula::mobula ALIAS mobula)
install(TARGETS mobula EXPORT mobula)
set(pc_libraries "")
if(BUILD_SHARED_LIBS)
  # The wrapped main calls the program's own, so it must stand in the program itself.
  add_library(mobula_entry STATIC launch/wrap_main.cpp)
  target_include_directories(mobula_entry PRIVATE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(mobula INTERFACE mobula_entry)
  install(TARGETS mobula_entry EXPORT mobula)
  set(pc_libraries " -lmobula_entry")
endif()
foreach(layer IN LISTS layers)
  set(objects $<TARGET_OBJECTS:${layer}>)
  if(BUILD_SHARED_LIBS AND layer STREQUAL "mobula_launch")
    set(objects $<FILTER:${objects},EXCLUDE,wrap_main>)
  endif()
  target_sources(mobula PRIVATE ${objects})
endforeach()
set_target_properties(mobula PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
                                        SOVERSION ${PROJECT_VERSION_MAJOR})
target_compile_features(mobula INTERFACE cxx_std_20)
target_include_directories(mobula INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# Users write Boost.Serialization's `serialize`, so our headers may name its headers.
target_link_libraries(mobula PUBLIC Boost::headers)
target_link_options(mobula INTERFACE LINKER:--wrap=main)

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
target_link_libraries(mobula PRIVATE ${link_with} $<BUILD_INTERFACE:mobula_sanitizers>)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mobula DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN *.hpp)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mobula)
install(EXPORT mobula NAMESPACE mobula:: FILE mobulaTargets.cmake DESTINATION ${package_folder})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/mobulaConfig.cmake.in mobulaConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(mobulaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mobulaConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/mobulaConfigVersion.cmake DESTINATION ${package_folder})

# The same for those who ask pkg-config. A static library's own needs stand in Libs: nobody passes
# --static to find out.
if(NOT BUILD_SHARED_LIBS)
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
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/mobula.pc.in mobula.pc.in @ONLY)
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/mobula.pc
     INPUT ${CMAKE_CURRENT_BINARY_DIR}/mobula.pc.in)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mobula.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
