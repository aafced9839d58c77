# LLVM and MLIR 22.1, as the two shared libraries and nothing else of them: every exported static MLIR target pulls in the
# shared LLVM too, so that "static" would mix both and register types twice.
find_package(MLIR 22.1 REQUIRED CONFIG)
find_package(LLD REQUIRED CONFIG)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(LLVM_DEFINITIONS_LIST NATIVE_COMMAND "${LLVM_DEFINITIONS}")
# mlir_tablegen looks for .td files in the folder's include directories.
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories(${PROJECT_SOURCE_DIR})
set(MLIR_TABLEGEN_EXE ${LLVM_TOOLS_BINARY_DIR}/mlir-tblgen)

# One precompiled header for the compiler: MLIR's headers are what compiling Sinter spends its time on.
file(WRITE ${PROJECT_BINARY_DIR}/sinter-pch.cpp "// Only the precompiled header of this target is used.\n")
add_library(sinter-pch OBJECT ${PROJECT_BINARY_DIR}/sinter-pch.cpp)
target_include_directories(sinter-pch PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR}/include)
target_include_directories(sinter-pch SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(sinter-pch PUBLIC ${LLVM_DEFINITIONS_LIST})
target_compile_options(sinter-pch PRIVATE -Wall -Wextra -Wno-unused-parameter -fno-exceptions
                       "SHELL:-Xclang -fno-pch-timestamp")
target_precompile_headers(sinter-pch PRIVATE
  <mlir/IR/Builders.h> <mlir/IR/BuiltinOps.h> <mlir/IR/BuiltinTypes.h> <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h> <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Dialect/Arith/IR/Arith.h> <mlir/Pass/Pass.h>
  <mlir/Interfaces/InferTypeOpInterface.h> <mlir/Interfaces/SideEffectInterfaces.h>
  <llvm/ADT/StringExtras.h> <llvm/Support/Error.h> <llvm/Support/FormatVariadic.h> <string> <vector> <map> <optional>
  <functional> <memory>)

# sinter_add_dialect(NAME): TableGen for dialects/NAME/IR/{Name}Ops.td, which includes the dialect's other .td files.
function(sinter_add_dialect name)
  string(SUBSTRING ${name} 0 1 initial)
  string(TOUPPER ${initial} initial)
  string(SUBSTRING ${name} 1 -1 rest)
  set(LLVM_TARGET_DEFINITIONS ${initial}${rest}Ops.td)
  file(GLOB parts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.td)
  set(LLVM_TARGET_DEPENDS ${parts})
  set(EXTRA -dialect=${name})
  mlir_tablegen(${initial}${rest}Dialect.h.inc -gen-dialect-decls ${EXTRA})
  mlir_tablegen(${initial}${rest}Dialect.cpp.inc -gen-dialect-defs ${EXTRA})
  mlir_tablegen(${initial}${rest}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${initial}${rest}Ops.cpp.inc -gen-op-defs)
  mlir_tablegen(${initial}${rest}Attributes.h.inc -gen-attrdef-decls -attrdefs-dialect=${name})
  mlir_tablegen(${initial}${rest}Attributes.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${name})
  mlir_tablegen(${initial}${rest}Types.h.inc -gen-typedef-decls -typedefs-dialect=${name})
  mlir_tablegen(${initial}${rest}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${name})
  mlir_tablegen(${initial}${rest}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${initial}${rest}Enums.cpp.inc -gen-enum-defs)
  add_public_tablegen_target(sinter-${name}-tablegen)
endfunction()

# sinter_add_passes(TARGET PREFIX): TableGen for Passes.td in the current folder; declares register<PREFIX>Passes().
function(sinter_add_passes target prefix)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name=${prefix})
  add_public_tablegen_target(${target})
endfunction()
