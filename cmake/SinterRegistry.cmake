# The lists of targets and frontends. What registers itself here is found by lib/Pipeline through the interfaces of
# include/sinter only; a folder that is deleted leaves nothing behind.

# sinter_register_target(NAME [LIBRARY]): the library (default: sinter-target-NAME) defines, in namespace sinter,
# `std::unique_ptr<Target> create<Name>Target()`.
function(sinter_register_target name)
  sinter_register(target ${name} ${ARGN})
endfunction()

# sinter_register_frontend(NAME [LIBRARY]): the library (default: sinter-frontend-NAME) defines, in namespace sinter,
# `std::unique_ptr<Frontend> create<Name>Frontend()`.
function(sinter_register_frontend name)
  sinter_register(frontend ${name} ${ARGN})
endfunction()

function(sinter_register kind name)
  set(library sinter-${kind}-${name})
  if(ARGC GREATER 2)
    set(library ${ARGV2})
  endif()
  string(TOUPPER ${kind} list)
  set_property(GLOBAL APPEND PROPERTY SINTER_${list}S ${name})
  set_property(GLOBAL APPEND PROPERTY SINTER_REGISTERED_LIBRARIES ${library})
endfunction()

# Called once, after all targets and frontends: the library sinter-registry, which is what tools link.
function(sinter_add_registry)
  foreach(kind Target Frontend)
    string(TOUPPER ${kind} list)
    get_property(names GLOBAL PROPERTY SINTER_${list}S)
    set(declarations "")
    set(creations "")
    foreach(name ${names})
      string(SUBSTRING ${name} 0 1 initial)
      string(TOUPPER ${initial} initial)
      string(SUBSTRING ${name} 1 -1 rest)
      string(APPEND declarations "std::unique_ptr<${kind}> create${initial}${rest}${kind}();\n")
      string(APPEND creations "    all.push_back(create${initial}${rest}${kind}());\n")
    endforeach()
    set(SINTER_${list}_DECLARATIONS "${declarations}")
    set(SINTER_${list}_CREATIONS "${creations}")
  endforeach()
  configure_file(${PROJECT_SOURCE_DIR}/lib/Pipeline/Registry.cpp.in ${PROJECT_BINARY_DIR}/lib/Pipeline/Registry.cpp @ONLY)
  get_property(libraries GLOBAL PROPERTY SINTER_REGISTERED_LIBRARIES)
  sinter_add_library(sinter-registry SOURCES ${PROJECT_BINARY_DIR}/lib/Pipeline/Registry.cpp
    LINK sinter-pipeline ${libraries})
endfunction()
