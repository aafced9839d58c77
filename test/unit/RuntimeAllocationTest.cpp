//===- RuntimeAllocationTest.cpp - Tests that runs allocate nothing -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This program's own malloc, mmap, brk and pthread_create stand before the C
// library's, and count while a run is under way.
//
//===----------------------------------------------------------------------===//

#include "test/unit/RuntimeTestDevice.h"
#include "test/unit/RuntimeTestEntries.h"

#include <atomic>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <thread>

using namespace sinter;
using namespace sinter::test;

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SINTER_NO_TRAPS 1
#endif
#endif
#else
#define SINTER_NO_TRAPS 1
#endif

namespace {
std::atomic<bool> armed{false};
std::atomic<int> trapped{0};
const char *volatile first = "";

void count(const char *what) {
  if (armed.load(std::memory_order_relaxed)) {
    if (trapped.fetch_add(1) == 0)
      first = what;
  }
}
} // namespace

#ifndef SINTER_NO_TRAPS
template <typename F> static F next(const char *name) { return reinterpret_cast<F>(dlsym(RTLD_NEXT, name)); }

extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  count("malloc");
  return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
  count("calloc");
  return __libc_calloc(n, size);
}
void *realloc(void *old, size_t size) {
  count("realloc");
  return __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count("aligned_alloc");
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  count("posix_memalign");
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) noexcept {
  count("mmap");
  static auto real = next<void *(*)(void *, size_t, int, int, int, off_t)>("mmap");
  return real(address, length, protection, flags, file, offset);
}
int brk(void *address) noexcept {
  count("brk");
  static auto real = next<int (*)(void *)>("brk");
  return real(address);
}
void *sbrk(intptr_t increment) noexcept {
  count("sbrk");
  static auto real = next<void *(*)(intptr_t)>("sbrk");
  return real(increment);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument) noexcept {
  count("pthread_create");
  static auto real = next<int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)>("pthread_create");
  return real(thread, attributes, start, argument);
}
} // extern "C"
#endif

namespace {

// Tests that the traps trap, or the test below would test nothing.
TEST(RuntimeAllocationTest, TrapsWork) {
#ifdef SINTER_NO_TRAPS
  GTEST_SKIP() << "the sanitizers have allocators of their own";
#endif
  auto traps = [](auto body) {
    trapped = 0;
    armed = true;
    body();
    armed = false;
    return trapped.load();
  };
  EXPECT_GT(traps([] { std::free(std::malloc(100)); }), 0);
  EXPECT_GT(traps([] { munmap(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096); }), 0);
  EXPECT_GT(traps([] { sbrk(0); }), 0);
  EXPECT_GT(traps([] { std::thread([] {}).join(); }), 0);
}

// Tests that no run within a session's sizes allocates or starts a thread: not the first, none with other sizes, none
// that is refused.
TEST(RuntimeAllocationTest, RunsAllocateNothing) {
#ifdef SINTER_NO_TRAPS
  GTEST_SKIP() << "the sanitizers have allocators of their own";
#endif
  TestFolder folder;
  writeTestBundle(folder / "tiny", testProgram());
  OpenProgram opened(folder / "tiny");
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  for (uint32_t threads : {1u, 2u, 4u}) {
    OpenSession session(opened.program, {}, threads);
    ASSERT_EQ(session.status, SINTER_OK);
    std::vector<int64_t> ids(100, 3);
    std::vector<float> mask(100, 1);
    std::vector<uint64_t> ticks(5);
    int64_t count = 5, one[] = {1};
    int done = 0, refused = 0;
    trapped = 0;
    armed = true;
    for (int64_t seq : {3, 25, 1, 32, 7}) {
      for (int64_t id : {3, 99}) {
        ids[2] = id;
        int64_t dims[] = {seq < 20 ? 4 : 1, seq};
        sinter_session_set_input(session.session, 0, ids.data(), SINTER_I64, dims, 2);
        sinter_session_set_input(session.session, 1, mask.data(), SINTER_F32, dims, 2);
        sinter_session_set_input(session.session, 2, &count, SINTER_I64, one, 1);
        sinter_session_set_profile(session.session, seq % 2 ? ticks.data() : nullptr, 5);
        (sinter_session_run(session.session) ? refused : done)++;
        sinter_tensor tensor;
        sinter_session_get_output(session.session, 0, &tensor);
      }
    }
    armed = false;
    EXPECT_EQ(trapped.load(), 0) << first << " with " << threads << " threads";
    EXPECT_EQ(done, 5); // ids of 99 are outside the table
    EXPECT_EQ(refused, 5);
  }
}

// Tests that the same holds for entries and states: padding, another entry, a run that is refused, a new beginning.
TEST(RuntimeAllocationTest, EntriesAllocateNothing) {
#ifdef SINTER_NO_TRAPS
  GTEST_SKIP() << "the sanitizers have allocators of their own";
#endif
  Opened opened(entriesProgram(), runtimeTestDevice());
  ASSERT_EQ(opened.status, SINTER_OK) << opened.error.message;
  for (uint32_t threads : {1u, 3u}) {
    OpenSession session(opened.program, {}, threads);
    ASSERT_EQ(session.status, SINTER_OK) << session.error.message;
    const uint8_t x[16] = {1, 2, 3};
    int done = 0, refused = 0;
    trapped = 0;
    armed = true;
    for (int64_t rows : {3, 5, 8, 9, 2}) {
      int64_t dims[] = {rows, 2};
      sinter_session_set_input(session.session, 0, x, SINTER_U8, dims, 2);
      (sinter_session_run(session.session) ? refused : done)++;
    }
    sinter_session_reset(session.session);
    sinter_session_set_entry(session.session, 1);
    (sinter_session_run(session.session) ? refused : done)++;
    armed = false;
    EXPECT_EQ(trapped, 0) << first;
    EXPECT_EQ(done, 4); // 3, 5 and 2 fill the states' 10 rows
    EXPECT_EQ(refused, 2);
  }
}

} // namespace
