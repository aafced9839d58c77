//===- similarity.c - How alike are sentences: a program on the runtime ---===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: similarity BUNDLE REFERENCE.json
//
// BUNDLE is all-MiniLM-L6-v2, compiled. REFERENCE.json holds sentences, their
// token ids and the embeddings that another implementation computed. All sentences
// run as one batch, padded to the longest; a sentence's embedding is the mean of
// the hidden states of its tokens, scaled to length 1, and two sentences are as
// alike as the product of their embeddings. Ends with 1 if an embedding differs
// from the reference by more than 5e-6.
//
//===----------------------------------------------------------------------===//

#include "sinter-rt/sinter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SENTENCES = 64, MAX_LENGTH = 512, MAX_WIDTH = 1024 };

struct sentence {
  char text[200];
  int length;
  int64_t ids[MAX_LENGTH];
  double reference[MAX_WIDTH];
  double ours[MAX_WIDTH];
};

static void die(const char *subject, const char *message) {
  fprintf(stderr, "similarity: %s: %s\n", subject, message);
  exit(1);
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0)
    die(path, "cannot be read");
  long bytes = ftell(file);
  char *text = calloc(1, (size_t)bytes + 1);
  rewind(file);
  if (!text || fread(text, 1, (size_t)bytes, file) != (size_t)bytes)
    die(path, "cannot be read");
  fclose(file);
  return text;
}

/// What follows `"key": ` after `from`; NULL if the key does not come again.
static char *find_key(char *from, const char *key) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  char *at = strstr(from, quoted);
  return at ? at + strlen(quoted) : NULL;
}

/// Reads `[1, 2, 3]`; the number of numbers, at most `capacity`.
static int read_numbers(char *from, double *numbers, int capacity) {
  int count = 0;
  for (char *at = strchr(from, '['); at && *at != ']' && count < capacity; at += strspn(at, ", \n")) {
    char *end;
    double number = strtod(at + (*at == '['), &end);
    if (end == at)
      break;
    numbers[count++] = number;
    at = end;
  }
  return count;
}

/// The sentences of the reference, which have `*width` numbers each.
static int read_reference(const char *path, struct sentence *sentences, int *width) {
  char *text = read_file(path), *at = text;
  int count = 0;
  while (count < MAX_SENTENCES && (at = find_key(at, "text")) != NULL) {
    struct sentence *sentence = &sentences[count++];
    char *quote = strchr(at, '"');
    char *ids = find_key(at, "input_ids"), *embedding = find_key(at, "mean_pooled_normalised");
    if (!quote || !ids || !embedding)
      die(path, "a sentence lacks its token ids or its embedding");
    size_t bytes = strcspn(quote + 1, "\"");
    snprintf(sentence->text, sizeof sentence->text, "%.*s", (int)bytes, quote + 1);
    double numbers[MAX_LENGTH];
    sentence->length = read_numbers(ids, numbers, MAX_LENGTH);
    for (int i = 0; i < sentence->length; ++i)
      sentence->ids[i] = (int64_t)numbers[i];
    *width = read_numbers(embedding, sentence->reference, MAX_WIDTH);
    at = embedding;
  }
  free(text);
  if (count == 0)
    die(path, "holds no sentence");
  return count;
}

/// The mean of a sentence's hidden states, scaled to length 1.
static void pool(const float *hidden, int length, int width, double *embedding) {
  double squares = 0;
  for (int i = 0; i < width; ++i) {
    double sum = 0;
    for (int token = 0; token < length; ++token)
      sum += hidden[token * width + i];
    embedding[i] = sum / length;
    squares += embedding[i] * embedding[i];
  }
  for (int i = 0; i < width; ++i)
    embedding[i] /= sqrt(squares);
}

static double dot(const double *a, const double *b, int width) {
  double sum = 0;
  for (int i = 0; i < width; ++i)
    sum += a[i] * b[i];
  return sum;
}

/// Runs all sentences as one batch and leaves their embeddings in `ours`.
static void embed(const char *bundle, struct sentence *sentences, int count, int width) {
  int length = 0;
  for (int i = 0; i < count; ++i)
    length = sentences[i].length > length ? sentences[i].length : length;

  sinter_program *program;
  sinter_session *session;
  sinter_error error;
  if (sinter_program_open(bundle, NULL, &program, &error))
    die(bundle, error.message);
  sinter_size sizes[] = {{"batch", count}, {"seq", length}};
  sinter_session_options options = {.struct_bytes = sizeof options, .sizes = sizes, .size_count = 2};
  if (sinter_session_create(program, &options, &session, &error))
    die(bundle, error.message);

  size_t elements = (size_t)count * (size_t)length;
  int64_t *ids = calloc(elements, sizeof *ids), *mask = calloc(elements, sizeof *mask),
          *types = calloc(elements, sizeof *types);
  if (!ids || !mask || !types)
    die(bundle, "out of memory");
  for (int i = 0; i < count; ++i)
    for (int token = 0; token < sentences[i].length; ++token) {
      ids[i * length + token] = sentences[i].ids[token];
      mask[i * length + token] = 1;
    }
  struct {
    const char *name;
    const int64_t *data;
  } inputs[] = {{"input_ids", ids}, {"attention_mask", mask}, {"token_type_ids", types}};
  int64_t dims[] = {count, length};
  for (int i = 0; i < 3; ++i) {
    uint32_t index;
    if (sinter_program_find_input(program, inputs[i].name, &index))
      die(inputs[i].name, "the bundle has no such input");
    if (sinter_session_set_input(session, index, inputs[i].data, SINTER_I64, dims, 2))
      die(inputs[i].name, sinter_session_message(session));
  }
  if (sinter_session_run(session))
    die(bundle, sinter_session_message(session));
  sinter_tensor hidden;
  if (sinter_session_get_output(session, 0, &hidden))
    die(bundle, sinter_session_message(session));
  if (hidden.type != SINTER_F32 || hidden.rank != 3 || hidden.dims[2] != width)
    die(bundle, "the first output is not the hidden states that the reference is about");
  for (int i = 0; i < count; ++i)
    pool((const float *)hidden.data + (size_t)i * length * width, sentences[i].length, width, sentences[i].ours);

  sinter_session_destroy(session);
  sinter_program_close(program);
  free(ids);
  free(mask);
  free(types);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: similarity BUNDLE REFERENCE.json\n");
    return 2;
  }
  static struct sentence sentences[MAX_SENTENCES];
  int width = 0, count = read_reference(argv[2], sentences, &width);
  embed(argv[1], sentences, count, width);

  double greatest = 0;
  for (int i = 0; i < count; ++i) {
    printf("%d  %s\n", i + 1, sentences[i].text);
    for (int k = 0; k < width; ++k) {
      double difference = fabs(sentences[i].ours[k] - sentences[i].reference[k]);
      // A NaN is a difference too.
      greatest = difference <= greatest ? greatest : difference;
    }
  }
  printf("\nsimilarity         Sinter  reference\n");
  for (int i = 0; i < count; ++i)
    for (int j = i + 1; j < count; ++j)
      printf("  %d and %d        %8.5f   %8.5f\n", i + 1, j + 1, dot(sentences[i].ours, sentences[j].ours, width),
             dot(sentences[i].reference, sentences[j].reference, width));
  printf("\nthe embeddings differ from the reference by at most %.1e (5e-6 is allowed)\n", greatest);
  return greatest <= 5e-6 ? 0 : 1;
}
