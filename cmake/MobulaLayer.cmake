# One target a layer: mobula_layer(<name> FOLDER <folder under lib/> [DEPENDS <targets>...]
# [EXCEPT <files>...]) makes mobula_<name> of every source in that folder (not below it) but those.
# Arrows point down: a layer names here what it may include.
add_library(mobula_warnings INTERFACE)
target_compile_options(mobula_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                                 -Wno-sign-conversion)

set(MOBULA_SANITIZE "" CACHE STRING "Sanitizers for this project's own targets: address,undefined or thread")
add_library(mobula_sanitizers INTERFACE)
if(MOBULA_SANITIZE)
  target_compile_options(mobula_sanitizers INTERFACE -fsanitize=${MOBULA_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(mobula_sanitizers INTERFACE -fsanitize=${MOBULA_SANITIZE})
endif()

function(mobula_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "DEPENDS;EXCEPT")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/${arg_FOLDER}/*.cpp)
  list(TRANSFORM arg_EXCEPT PREPEND ${PROJECT_SOURCE_DIR}/lib/${arg_FOLDER}/)
  list(REMOVE_ITEM sources ${arg_EXCEPT})
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/${arg_FOLDER}/*.hpp)
  if(sources)
    add_library(mobula_${name} OBJECT ${sources} ${headers})
    target_include_directories(mobula_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(mobula_${name} PUBLIC ${arg_DEPENDS} PRIVATE mobula_warnings mobula_sanitizers)
    # The shared library exports the API (include/mobula/detail/api.hpp), and nothing else.
    # Files have names of their own inside: a project's unity build is not for them.
    set_target_properties(mobula_${name} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
                                                    UNITY_BUILD OFF)
    set_property(GLOBAL APPEND PROPERTY mobula_layers mobula_${name})
    foreach(depends IN LISTS arg_DEPENDS)
      if(NOT depends MATCHES "^mobula_")
        set_property(GLOBAL APPEND PROPERTY mobula_externals ${depends})
      endif()
    endforeach()
  else()
    add_library(mobula_${name} INTERFACE)
    target_include_directories(mobula_${name} INTERFACE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(mobula_${name} INTERFACE ${arg_DEPENDS})
  endif()
endfunction()
