// Tests that an application with a linked-in program contains neither dlopen nor anything else of opening folders.
// RUN: %cc -std=c11 -Wall -Wextra -Werror -I %runtime-include %s -Wl,--gc-sections %runtime-lib/libsinter.a -o %t
// RUN: llvm-nm %t | FileCheck %s
// RUN: %t
// CHECK-NOT: dlopen
// CHECK-NOT: sinter_program_open{{$}}
// CHECK: sinter_program_open_model
// CHECK-NOT: dlopen

#include "sinter-rt/sinter.h"

#include <string.h>

int main(void) {
  sinter_program *program;
  sinter_error error;
  // What a query function that knows no such version returns.
  if (sinter_program_open_model(NULL, NULL, &program, &error) != SINTER_UNSUPPORTED || program)
    return 1;
  if (!strstr(error.message, "does not fit this runtime (0.1.0)"))
    return 2;
  sinter_model model = {0};
  model.version = SINTER_MODEL_VERSION + 1;
  if (sinter_program_open_model(&model, NULL, &program, &error) != SINTER_UNSUPPORTED)
    return 3;
  model.version = SINTER_MODEL_VERSION;
  model.bytes = sizeof model;
  _Alignas(8) static const char tables[] = "no tables";
  model.program = tables;
  model.program_bytes = sizeof tables;
  if (sinter_program_open_model(&model, NULL, &program, &error) != SINTER_UNUSABLE)
    return 4;
  sinter_program_options options = {0}; // its size is missing
  if (sinter_program_open_model(&model, &options, &program, &error) != SINTER_WRONG_CALL)
    return 5;
  sinter_program_close(NULL);
  sinter_session_destroy(NULL);
  return 0;
}
