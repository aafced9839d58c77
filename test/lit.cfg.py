# Configuration of lit for Sinter's tests. What a test may write, besides lit's own %s, %t, %S and %T:
#
#   sinter, sinter-opt        the tools of this build; FileCheck, not, split-file, count, llvm-nm and others from LLVM
#   %onnx-encode              protobuf text on standard input to an ONNX model on standard output
#   %onnx-encode-tensor       the same for a tensor (.pb of a test case)
#   %onnx-decode              a model on standard input to protobuf text
#   %model-dir                the folder of all-MiniLM-L6-v2 (the .onnx and its weights)
#   %test-data                test/data
#   %cc                       the C compiler; %runtime-include, %runtime-lib for programs that use the runtime
#
# REQUIRES: long            runs only with --param long=1, which is what tools/check --long passes
# REQUIRES: qemu-aarch64    an AArch64 program can be run
# REQUIRES: aarch64-libc    and a C program for it be built: %aarch64-cc, then %aarch64-crt last, %aarch64-run

import os
import shutil

import lit.formats
import lit.util

config.name = "sinter"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".txtpb", ".c", ".td"]
config.excludes = ["Inputs", "data", "unit", "meta", "fuzz", "CMakeLists.txt", "lit.cfg.py", "lit.site.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.sinter_build_root, "test")

config.environment["PATH"] = os.pathsep.join([config.sinter_bin, config.llvm_bin, os.environ.get("PATH", "")])
# Whatever the user has set must not decide a test; and a test's cache is its own.
config.environment["SINTER_CACHE_DIR"] = os.path.join(config.sinter_build_root, "test", "sinter-cache")
config.environment["NO_COLOR"] = "1"
config.environment["LC_ALL"] = "C.UTF-8"

protoc = "{} -I {} onnx/onnx-ml.proto".format(config.protoc, config.onnx_schema_dir)
for name, arguments in [
    ("%onnx-encode-tensor", "--encode=onnx.TensorProto"),
    ("%onnx-encode", "--encode=onnx.ModelProto"),
    ("%onnx-decode", "--decode=onnx.ModelProto"),
]:
    config.substitutions.append((name, protoc + " " + arguments))
config.substitutions.append(
    ("%model-dir", os.path.join(config.sinter_source_root, ".cache", "models", "all-MiniLM-L6-v2"))
)
config.substitutions.append(("%test-data", os.path.join(config.sinter_source_root, "test", "data")))
config.substitutions.append(("%cc", config.c_compiler))
config.substitutions.append(("%runtime-include", os.path.join(config.sinter_build_root, "include")))
config.substitutions.append(("%runtime-lib", os.path.join(config.sinter_build_root, "lib")))

config.available_features.add("x86-registered-target")
if lit_config.params.get("long", "0") != "0":
    config.available_features.add("long")
    config.environment["SINTER_TEST_LONG"] = "1"
if shutil.which("qemu-aarch64"):
    config.available_features.add("qemu-aarch64")
# Debian's C library for AArch64; there is no GCC's, so what it would give is done without.
guest = "/usr/aarch64-linux-gnu"
if os.path.exists(guest + "/lib/crt1.o") and "clang" in config.c_compiler:
    config.available_features.add("aarch64-libc")
    config.substitutions.append(
        (
            "%aarch64-cc",
            "{} --target=aarch64-linux-gnu --sysroot=/nonexistent -isystem {}/include -mno-outline-atomics -fuse-ld=lld"
            " -nostdlib".format(config.c_compiler, guest),
        )
    )
    config.substitutions.append(
        (
            "%aarch64-crt",
            "{0}/lib/crt1.o {0}/lib/crti.o {0}/lib/crtn.o {0}/lib/libm.so.6 {0}/lib/libc.so.6"
            " {0}/lib/libc_nonshared.a"
            " {0}/lib/ld-linux-aarch64.so.1 -Wl,--dynamic-linker=/lib/ld-linux-aarch64.so.1".format(guest),
        )
    )
    config.substitutions.append(("%aarch64-run", "qemu-aarch64 -L " + guest))
with open("/proc/cpuinfo") as file:
    flags = file.read()
for feature in ["avx2", "avx512f"]:
    if feature in flags:
        config.available_features.add(feature)

# A test that hangs is a test that fails.
if lit.util.killProcessAndChildrenIsSupported()[0]:
    lit_config.maxIndividualTestTime = 600
