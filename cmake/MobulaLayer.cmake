# One target a layer: mobula_layer(<name> FOLDER <folder under lib/> [DEPENDS <targets>...])
# makes mobula_<name> of every source in that folder (not below it). Arrows point down: a layer
# names here what it may include.
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
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "DEPENDS")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/${arg_FOLDER}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/${arg_FOLDER}/*.hpp)
  if(sources)
    add_library(mobula_${name} OBJECT ${sources} ${headers})
    target_include_directories(mobula_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(mobula_${name} PUBLIC ${arg_DEPENDS} PRIVATE mobula_warnings mobula_sanitizers)
    set_property(GLOBAL APPEND PROPERTY mobula_layers mobula_${name})
  else()
    add_library(mobula_${name} INTERFACE)
    target_include_directories(mobula_${name} INTERFACE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(mobula_${name} INTERFACE ${arg_DEPENDS})
  endif()
endfunction()
