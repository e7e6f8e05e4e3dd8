#include "store/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/base/must.h"

struct sunder_worker {
    void (*run)(void *ctx);
    void *ctx;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards is_ending and the changes of is_busy */
    pthread_cond_t changed;
    atomic_bool is_busy;
    bool is_ending;
};

static void lock(struct sunder_worker *worker)
{
    int rc = pthread_mutex_lock(&worker->mutex);
    SUNDER_MUST(rc == 0);
}

static void unlock(struct sunder_worker *worker)
{
    int rc = pthread_mutex_unlock(&worker->mutex);
    SUNDER_MUST(rc == 0);
}

static bool is_busy(const struct sunder_worker *worker)
{
    return atomic_load_explicit(&worker->is_busy, memory_order_acquire);
}

/* With the mutex held. */
static void set_busy(struct sunder_worker *worker, bool is_busy_now)
{
    atomic_store_explicit(&worker->is_busy, is_busy_now, memory_order_release);
    (void)pthread_cond_broadcast(&worker->changed);
}

static void *serve(void *at)
{
    struct sunder_worker *worker = at;
    lock(worker);
    for (;;) {
        while (!is_busy(worker) && !worker->is_ending) {
            (void)pthread_cond_wait(&worker->changed, &worker->mutex);
        }
        if (!is_busy(worker)) {
            break;
        }
        unlock(worker);
        worker->run(worker->ctx);
        lock(worker);
        set_busy(worker, false);
    }
    unlock(worker);
    return NULL;
}

/* Signals are for the program's own threads: this one must not run its handlers. */
static int start_thread(struct sunder_worker *worker)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    int rc = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_create(&worker->thread, NULL, serve, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum sunder_err sunder_worker_create(
    void (*run)(void *ctx), void *ctx, struct sunder_worker **ret_worker)
{
    struct sunder_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return SUNDER_ERR_FULL;
    }
    worker->run = run;
    worker->ctx = ctx;
    (void)pthread_mutex_init(&worker->mutex, NULL);
    (void)pthread_cond_init(&worker->changed, NULL);
    if (start_thread(worker) != 0) {
        (void)pthread_cond_destroy(&worker->changed);
        (void)pthread_mutex_destroy(&worker->mutex);
        free(worker);
        return SUNDER_ERR_FULL;
    }
    *ret_worker = worker;
    return SUNDER_OK;
}

void sunder_worker_destroy(struct sunder_worker **worker)
{
    struct sunder_worker *dead = *worker;
    *worker = NULL;
    if (dead == NULL) {
        return;
    }
    lock(dead);
    dead->is_ending = true;
    (void)pthread_cond_broadcast(&dead->changed);
    unlock(dead);
    (void)pthread_join(dead->thread, NULL);
    (void)pthread_cond_destroy(&dead->changed);
    (void)pthread_mutex_destroy(&dead->mutex);
    free(dead);
}

void sunder_worker_start(struct sunder_worker *worker)
{
    lock(worker);
    SUNDER_MUST(!is_busy(worker));
    set_busy(worker, true);
    unlock(worker);
}

bool sunder_worker_is_done(const struct sunder_worker *worker)
{
    return !is_busy(worker);
}

void sunder_worker_wait(struct sunder_worker *worker)
{
    lock(worker);
    while (is_busy(worker)) {
        (void)pthread_cond_wait(&worker->changed, &worker->mutex);
    }
    unlock(worker);
}
