# How Sinter's own libraries and tools are declared.

# sinter_add_library(NAME SOURCES ... [LINK ...] [DEPENDS ...] [EXCEPTIONS])
#
# A static C++ library of the compiler, which may use LLVM and MLIR. LINK names other libraries of Sinter (or system ones);
# DEPENDS names TableGen or schema targets. Code of the compiler is built without exceptions, as LLVM is, unless EXCEPTIONS
# is given (tools, tests and code that wraps a library that throws).
function(sinter_add_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  sinter_compile_settings(${name} "${ARG_EXCEPTIONS}")
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# sinter_add_tool(NAME SOURCES ... [LINK ...] [DEPENDS ...] [EXCEPTIONS]): an executable of the compiler.
function(sinter_add_tool name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM Threads::Threads)
  # As the libraries are built, so that the precompiled header serves both; by default an executable has -fPIE.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  sinter_compile_settings(${name} "${ARG_EXCEPTIONS}")
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

function(sinter_compile_settings name exceptions)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_compile_definitions(${name} PUBLIC ${LLVM_DEFINITIONS_LIST})
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-unused-parameter)
  if(exceptions)
    target_compile_options(${name} PRIVATE -fexceptions)
  else()
    target_compile_options(${name} PRIVATE -fno-exceptions)
    if(TARGET sinter-pch)
      target_precompile_headers(${name} REUSE_FROM sinter-pch)
      # The header's time is not part of what ccache compares.
      target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endif()
endfunction()
