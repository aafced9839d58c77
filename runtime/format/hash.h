//===- hash.h - The 64-bit hash of bundles --------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// XXH64 with seed 0, after its specification ("xxHash fast digest algorithm",
// XXH64 section). It finds damage, at the speed of memory; it is no defence
// against someone who forges a bundle, who could as well change the code in it.
//
// Used by the compiler, which writes hashes, and by the runtime, which checks
// them: hence in a header, which includes nothing of either.
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_RUNTIME_FORMAT_HASH_H
#define SINTER_RUNTIME_FORMAT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SINTER_XXH_PRIME1 0x9E3779B185EBCA87ull
#define SINTER_XXH_PRIME2 0xC2B2AE3D27D4EB4Full
#define SINTER_XXH_PRIME3 0x165667B19E3779F9ull
#define SINTER_XXH_PRIME4 0x85EBCA77C2B2AE63ull
#define SINTER_XXH_PRIME5 0x27D4EB2F165667C5ull

/* A hash under way. Bytes may be added in pieces of any length. */
typedef struct sinter_hash_state {
  uint64_t lanes[4];
  uint64_t total;
  unsigned char pending[32]; /* bytes not yet mixed: total % 32 of them */
} sinter_hash_state;

static inline uint64_t sinter_hash_rotate(uint64_t value, int bits) { return (value << bits) | (value >> (64 - bits)); }

static inline uint64_t sinter_hash_read64(const unsigned char *bytes) {
  uint64_t value;
  memcpy(&value, bytes, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

static inline uint64_t sinter_hash_read32(const unsigned char *bytes) {
  return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24;
}

static inline uint64_t sinter_hash_round(uint64_t lane, uint64_t input) {
  return sinter_hash_rotate(lane + input * SINTER_XXH_PRIME2, 31) * SINTER_XXH_PRIME1;
}

static inline void sinter_hash_begin(sinter_hash_state *state) {
  state->lanes[0] = SINTER_XXH_PRIME1 + SINTER_XXH_PRIME2;
  state->lanes[1] = SINTER_XXH_PRIME2;
  state->lanes[2] = 0;
  state->lanes[3] = 0 - SINTER_XXH_PRIME1;
  state->total = 0;
}

static inline void sinter_hash_stripe(sinter_hash_state *state, const unsigned char *bytes) {
  for (int i = 0; i < 4; ++i)
    state->lanes[i] = sinter_hash_round(state->lanes[i], sinter_hash_read64(bytes + 8 * i));
}

static inline void sinter_hash_add(sinter_hash_state *state, const void *data, size_t size) {
  const unsigned char *bytes = (const unsigned char *)data;
  if (size == 0)
    return;
  size_t pending = (size_t)(state->total % 32);
  state->total += size;
  if (pending) {
    size_t take = 32 - pending < size ? 32 - pending : size;
    memcpy(state->pending + pending, bytes, take);
    bytes += take;
    size -= take;
    if (pending + take < 32)
      return;
    sinter_hash_stripe(state, state->pending);
  }
  for (; size >= 32; bytes += 32, size -= 32)
    sinter_hash_stripe(state, bytes);
  if (size)
    memcpy(state->pending, bytes, size);
}

static inline uint64_t sinter_hash_end(const sinter_hash_state *state) {
  uint64_t hash;
  if (state->total >= 32) {
    hash = sinter_hash_rotate(state->lanes[0], 1) + sinter_hash_rotate(state->lanes[1], 7) +
           sinter_hash_rotate(state->lanes[2], 12) + sinter_hash_rotate(state->lanes[3], 18);
    for (int i = 0; i < 4; ++i)
      hash = (hash ^ sinter_hash_round(0, state->lanes[i])) * SINTER_XXH_PRIME1 + SINTER_XXH_PRIME4;
  } else {
    hash = SINTER_XXH_PRIME5;
  }
  hash += state->total;
  const unsigned char *bytes = state->pending;
  size_t left = (size_t)(state->total % 32);
  for (; left >= 8; bytes += 8, left -= 8)
    hash = sinter_hash_rotate(hash ^ sinter_hash_round(0, sinter_hash_read64(bytes)), 27) * SINTER_XXH_PRIME1 +
           SINTER_XXH_PRIME4;
  if (left >= 4) {
    hash = sinter_hash_rotate(hash ^ sinter_hash_read32(bytes) * SINTER_XXH_PRIME1, 23) * SINTER_XXH_PRIME2 +
           SINTER_XXH_PRIME3;
    bytes += 4;
    left -= 4;
  }
  for (; left; ++bytes, --left)
    hash = sinter_hash_rotate(hash ^ *bytes * SINTER_XXH_PRIME5, 11) * SINTER_XXH_PRIME1;
  hash = (hash ^ hash >> 33) * SINTER_XXH_PRIME2;
  hash = (hash ^ hash >> 29) * SINTER_XXH_PRIME3;
  return hash ^ hash >> 32;
}

static inline uint64_t sinter_hash_bytes(const void *data, size_t size) {
  sinter_hash_state state;
  sinter_hash_begin(&state);
  sinter_hash_add(&state, data, size);
  return sinter_hash_end(&state);
}

#endif /* SINTER_RUNTIME_FORMAT_HASH_H */
