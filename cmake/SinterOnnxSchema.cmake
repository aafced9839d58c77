# ONNX's schema: onnx/onnx-ml.proto of the PyPI package `onnx`, which tools/setup fetches into .cache/ (Debian's libonnx is
# too old). Compiled by protoc into one library.
find_package(Protobuf REQUIRED)
set(SINTER_ONNX_SCHEMA_DIR ${PROJECT_SOURCE_DIR}/.cache/onnx-schema CACHE PATH "The folder that holds onnx/onnx-ml.proto")
if(NOT EXISTS ${SINTER_ONNX_SCHEMA_DIR}/onnx/onnx-ml.proto)
  message(FATAL_ERROR "ONNX's schema is not in ${SINTER_ONNX_SCHEMA_DIR}: run tools/setup first")
endif()
set(SINTER_ONNX_PROTO ${SINTER_ONNX_SCHEMA_DIR}/onnx/onnx-ml.proto)
set(out ${PROJECT_BINARY_DIR}/onnx-schema)
file(MAKE_DIRECTORY ${out}/onnx)
add_custom_command(OUTPUT ${out}/onnx/onnx-ml.pb.cc ${out}/onnx/onnx-ml.pb.h
  COMMAND protobuf::protoc --cpp_out=${out} -I ${SINTER_ONNX_SCHEMA_DIR} ${SINTER_ONNX_PROTO}
  DEPENDS ${SINTER_ONNX_PROTO})
add_library(sinter-onnx-schema STATIC ${out}/onnx/onnx-ml.pb.cc ${out}/onnx/onnx-ml.pb.h)
target_include_directories(sinter-onnx-schema SYSTEM PUBLIC ${out})
target_link_libraries(sinter-onnx-schema PUBLIC protobuf::libprotobuf)
target_compile_options(sinter-onnx-schema PRIVATE -w)
