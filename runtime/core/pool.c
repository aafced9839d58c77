//===- pool.c - Carries out a run's steps on threads ----------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each participant of a step begins with one contiguous range of its tasks, of
// which it takes the first half, then the half of what is left, and so on: few
// calls of the kernel, and work left to give away. Who has nothing left takes the
// back half of another's range. A range is one 64-bit word, so that taking is one
// compare-and-swap. A word that returns to an old value does no harm: tasks that
// are in a word are not done, whatever happened in between.
//
// With threads of our own, all of them walk through the list of work and meet at
// a barrier after each step, where they wait actively; between runs they do so for
// a short while, then sleep. With the caller's parallel_for each step is one call
// of it, and nothing waits actively.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include "runtime/core/internal.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static uint64_t pack(uint32_t next, uint32_t end) { return (uint64_t)end << 32 | next; }
static uint32_t nextOf(uint64_t range) { return (uint32_t)range; }
static uint32_t endOf(uint64_t range) { return (uint32_t)(range >> 32); }

/* Gives `participant` its share of the step, in the slot's word `turn`. */
static void fillSlot(sinter_session *session, const sinter_internal_work *work, uint32_t participant, uint32_t turn) {
  uint64_t first = (uint64_t)work->units * participant / session->threads;
  uint64_t end = (uint64_t)work->units * (participant + 1) / session->threads;
  atomic_store_explicit(&session->slots[participant].ranges[turn], pack((uint32_t)first, (uint32_t)end),
                        memory_order_relaxed);
}

static void call(sinter_session *session, const sinter_internal_work *work, uint32_t participant, uint32_t turn,
                 int64_t begin, int64_t end) {
  int64_t result =
      work->function(work->arguments, begin, end, session->scratch + (uint64_t)participant * session->scratch_bytes);
  if (result > 0) {
    int64_t position = result - 1, least = atomic_load_explicit(&session->failed[turn], memory_order_relaxed);
    while (position < least && !atomic_compare_exchange_weak_explicit(&session->failed[turn], &least, position,
                                                                      memory_order_relaxed, memory_order_relaxed))
      ;
  }
}

static void callUnits(sinter_session *session, const sinter_internal_work *work, uint32_t participant, uint32_t turn,
                      uint32_t first, uint32_t last) {
  int64_t begin = first * work->unit, end = last * work->unit;
  call(session, work, participant, turn, begin, end < work->tasks ? end : work->tasks);
}

/* Does the participant's own range, front first. */
static void doOwn(sinter_session *session, const sinter_internal_work *work, uint32_t participant, uint32_t turn) {
  _Atomic uint64_t *slot = &session->slots[participant].ranges[turn];
  uint64_t range = atomic_load_explicit(slot, memory_order_relaxed);
  while (nextOf(range) < endOf(range)) {
    uint32_t next = nextOf(range), end = endOf(range);
    uint32_t middle = next + (end - next + 1) / 2;
    if (atomic_compare_exchange_weak_explicit(slot, &range, pack(middle, end), memory_order_relaxed,
                                              memory_order_relaxed)) {
      callUnits(session, work, participant, turn, next, middle);
      range = atomic_load_explicit(slot, memory_order_relaxed);
    }
  }
}

/* Takes the back half of somebody's range into the participant's own. */
static bool steal(sinter_session *session, uint32_t participant, uint32_t turn) {
  for (uint32_t i = 1; i < session->threads; ++i) {
    uint32_t victim = participant + i < session->threads ? participant + i : participant + i - session->threads;
    _Atomic uint64_t *slot = &session->slots[victim].ranges[turn];
    uint64_t range = atomic_load_explicit(slot, memory_order_relaxed);
    while (nextOf(range) < endOf(range)) {
      uint32_t next = nextOf(range), end = endOf(range), middle = next + (end - next) / 2;
      if (atomic_compare_exchange_weak_explicit(slot, &range, pack(next, middle), memory_order_relaxed,
                                                memory_order_relaxed)) {
        atomic_store_explicit(&session->slots[participant].ranges[turn], pack(middle, end), memory_order_relaxed);
        return true;
      }
    }
  }
  return false;
}

static void doStep(sinter_session *session, const sinter_internal_work *work, uint32_t participant, uint32_t turn) {
  do
    doOwn(session, work, participant, turn);
  while (steal(session, participant, turn));
}

/* All participants leave it after all have come. */
static void meet(sinter_session *session) {
  sinter_internal_pool *pool = session->pool;
  unsigned generation = atomic_load_explicit(&pool->generation, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 == session->threads) {
    atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->generation, generation + 1, memory_order_release);
    return;
  }
  for (unsigned spins = 1; atomic_load_explicit(&pool->generation, memory_order_acquire) == generation; ++spins) {
    sinter_internal_pause();
    /* Who is waited for may have lost its CPU to this thread. */
    if (spins % 512 == 0)
      sched_yield();
  }
}

/* What one participant does in a run. Participant 0 returns the step that failed, or the number of steps. */
static uint32_t participate(sinter_session *session, uint32_t participant) {
  const uint32_t count = session->work_count;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t turn = i % 2;
    uint64_t begin = participant == 0 && session->ticks ? session->clock(session->clock_context) : 0;
    doStep(session, &session->work[i], participant, turn);
    /* The other word was last used in the step before, which all have left. */
    if (i + 1 < count)
      fillSlot(session, &session->work[i + 1], participant, 1 - turn);
    meet(session);
    if (participant == 0 && session->ticks)
      session->ticks[session->work[i].step] = session->clock(session->clock_context) - begin;
    /* Only this step's word: the next step may be under way elsewhere. After the last step the next run may be, which
       uses both words; only participant 0, which begins runs, can still read this one. */
    const bool last = i + 1 == count;
    if (last && participant != 0)
      return count;
    if (atomic_load_explicit(&session->failed[turn], memory_order_relaxed) != INT64_MAX) {
      if (!last)
        meet(session); /* all have seen it before the next run clears it */
      return i;
    }
  }
  return count;
}

static int64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Waits until a run after `seen` begins; returns its number. */
static unsigned waitForRun(sinter_internal_pool *pool, unsigned seen) {
  if (pool->spin_nanoseconds > 0) {
    int64_t until = nanoseconds() + pool->spin_nanoseconds;
    do
      for (int i = 0; i < 64; ++i) {
        if (atomic_load_explicit(&pool->epoch, memory_order_acquire) != seen)
          return seen + 1;
        sinter_internal_pause();
      }
    while (nanoseconds() < until);
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (atomic_load(&pool->epoch) == seen)
    pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
  return seen + 1;
}

static void beginEpoch(sinter_internal_pool *pool) {
  /* Both in one total order: either this thread sees the sleeper, or the sleeper
     sees the new number. */
  atomic_fetch_add(&pool->epoch, 1);
  if (atomic_load(&pool->sleepers)) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
  }
}

static void *workerMain(void *data) {
  sinter_internal_worker *worker = data;
  sinter_internal_pool *pool = worker->session->pool;
  sinter_internal_float_begin();
  for (unsigned epoch = 0;;) {
    epoch = waitForRun(pool, epoch);
    if (atomic_load_explicit(&pool->quit, memory_order_relaxed))
      return NULL;
    participate(worker->session, worker->participant);
  }
}

sinter_status sinter_internal_start_pool(sinter_session *session, sinter_error *error) {
  sinter_internal_pool *pool = session->pool;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  /* The host program's signals are not for these threads. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1u << 20);
  int failure = 0;
  for (uint32_t i = 1; i < session->threads && !failure; ++i) {
    sinter_internal_worker *worker = &session->workers[i];
    worker->session = session;
    worker->participant = i;
    failure = pthread_create(&worker->thread, &attributes, workerMain, worker);
    pool->started += !failure;
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failure)
    return SINTER_OK;
  uint32_t started = pool->started;
  sinter_internal_stop_pool(session);
  return sinter_internal_fail(error, SINTER_NO_MEMORY, "thread %u of %u cannot be started", started + 2,
                              session->threads);
}

void sinter_internal_stop_pool(sinter_session *session) {
  sinter_internal_pool *pool = session->pool;
  atomic_store(&pool->quit, true);
  beginEpoch(pool);
  for (uint32_t i = 1; i <= pool->started; ++i)
    pthread_join(session->workers[i].thread, NULL);
  pool->started = 0;
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
}

/* A step under the caller's parallel_for. */
typedef struct Share {
  sinter_session *session;
  const sinter_internal_work *work;
} Share;

static void doShare(void *data, uint32_t participant) {
  const Share *share = data;
  uint64_t saved = sinter_internal_float_begin();
  doStep(share->session, share->work, participant, 0);
  sinter_internal_float_end(saved);
}

/* One thread, or the caller's threads: a step at a time. */
static uint32_t executeBySteps(sinter_session *session) {
  for (uint32_t i = 0; i < session->work_count; ++i) {
    const sinter_internal_work *work = &session->work[i];
    uint64_t begin = session->ticks ? session->clock(session->clock_context) : 0;
    if (session->threads == 1 || work->units == 1) {
      call(session, work, 0, 0, 0, work->tasks);
    } else {
      Share share = {session, work};
      for (uint32_t participant = 0; participant < session->threads; ++participant)
        fillSlot(session, work, participant, 0);
      session->parallel_for(session->parallel_for_context, session->threads, doShare, &share);
    }
    if (session->ticks)
      session->ticks[work->step] = session->clock(session->clock_context) - begin;
    if (atomic_load_explicit(&session->failed[0], memory_order_relaxed) != INT64_MAX)
      return i;
  }
  return session->work_count;
}

uint32_t sinter_internal_execute(sinter_session *session, int64_t *position) {
  uint64_t saved = sinter_internal_float_begin();
  atomic_store_explicit(&session->failed[0], INT64_MAX, memory_order_relaxed);
  atomic_store_explicit(&session->failed[1], INT64_MAX, memory_order_relaxed);
  if (session->ticks)
    memset(session->ticks, 0, session->program->header->steps.count * sizeof(uint64_t));
  uint32_t ended;
  if (session->pool && session->work_count) {
    for (uint32_t participant = 0; participant < session->threads; ++participant)
      fillSlot(session, &session->work[0], participant, 0);
    beginEpoch(session->pool);
    ended = participate(session, 0);
  } else {
    ended = executeBySteps(session);
  }
  if (ended < session->work_count) {
    int64_t first = atomic_load(&session->failed[0]), second = atomic_load(&session->failed[1]);
    *position = first < second ? first : second;
  }
  sinter_internal_float_end(saved);
  return ended;
}
