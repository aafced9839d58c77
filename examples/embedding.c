// The embedding of "The quick brown fox jumps over the lazy dog.", by a model that is linked into the program:
//   sinter compile all-MiniLM-L6-v2.onnx --emit=object --name=minilm -o minilm.o
//   cc embedding.c minilm.o -lsinter -lm -o embedding
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "minilm.h"
#include <math.h>
#include <stdio.h>

int main(void) {
  const int64_t ids[] = {101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 1012, 102};
  const int64_t mask[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, types[12] = {0}, dims[] = {1, 12};
  sinter_program *program;
  sinter_session *session;
  sinter_error error;
  sinter_size sizes[] = {{"batch", 1}, {"seq", 12}};
  sinter_session_options options = {.struct_bytes = sizeof options, .sizes = sizes, .size_count = 2, .threads = 2};
  if (sinter_program_open_model(minilm_query(SINTER_MODEL_VERSION), NULL, &program, &error) ||
      sinter_session_create(program, &options, &session, &error)) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  sinter_tensor hidden; // [1][12][384]
  if (sinter_session_set_input(session, MINILM_INPUT_INPUT_IDS, ids, SINTER_I64, dims, 2) ||
      sinter_session_set_input(session, MINILM_INPUT_ATTENTION_MASK, mask, SINTER_I64, dims, 2) ||
      sinter_session_set_input(session, MINILM_INPUT_TOKEN_TYPE_IDS, types, SINTER_I64, dims, 2) ||
      sinter_session_run(session) || sinter_session_get_output(session, 0, &hidden)) {
    fprintf(stderr, "%s\n", sinter_session_message(session));
    return 1;
  }
  double mean[384] = {0}, squares = 0;
  for (int i = 0; i < 12 * 384; ++i)
    mean[i % 384] += ((const float *)hidden.data)[i] / 12;
  for (int i = 0; i < 384; ++i)
    squares += mean[i] * mean[i];
  for (int i = 0; i < 384; ++i)
    printf("%.7f\n", mean[i] / sqrt(squares));
  sinter_session_destroy(session);
  sinter_program_close(program);
  return 0;
}
