/*
 * Preloaded into a process under test: calls on chosen files fail, do nothing, or end the process,
 * and the wall clock is shifted. It is steered by the file that FAULTS_FILE names, which all
 * processes map; shim.rs writes it and has the same layout.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, READ = 4, TRUNCATE = 8, SEND = 16 };
enum { PASS, FAIL, SKIP, KILL, TEAR };

struct rule {
    int32_t armed;
    uint32_t calls;  /* which calls, bits of the first enum */
    int32_t action;  /* of the second enum */
    int32_t error;   /* errno, where the call fails */
    int32_t after;   /* so many matching calls pass first */
    int32_t times;   /* so many are met */
    int32_t met;     /* how many were met: what a test reads */
    char path[100];  /* the file, as a pattern of the shell; a socket is socket:[number] */
};

struct plan {
    int64_t clock_us;
    struct rule rules[4];
};

static struct plan none;
static struct plan *plan = &none;

__attribute__((constructor)) static void begin(void) {
    const char *parent = getenv("FAULTS_PARENT");
    const char *file = getenv("FAULTS_FILE");
    /* Whatever the tests start ends with them, however they end. */
    if (parent && atoi(parent) == getppid())
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED)
        plan = map;
    close(fd);
}

static int is_about(int fd, const char *pattern) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return fnmatch(pattern, path, 0) == 0;
}

/* What becomes of a call; the error it fails with is put into errno. */
static int decide(uint32_t call, int fd) {
    int before = errno;
    for (int i = 0; i < 4; i++) {
        struct rule *rule = &plan->rules[i];
        if (!__atomic_load_n(&rule->armed, __ATOMIC_ACQUIRE) || !(rule->calls & call))
            continue;
        if (!is_about(fd, rule->path))
            continue;
        if (__atomic_fetch_sub(&rule->after, 1, __ATOMIC_RELAXED) > 0)
            continue;
        if (__atomic_fetch_sub(&rule->times, 1, __ATOMIC_RELAXED) <= 0)
            continue;
        __atomic_fetch_add(&rule->met, 1, __ATOMIC_RELAXED);
        if (rule->action == KILL)
            kill(getpid(), SIGKILL);
        errno = rule->action == FAIL ? rule->error : before;
        return rule->action;
    }
    errno = before;
    return PASS;
}

static int is_socket(int fd) {
    struct stat it;
    return fstat(fd, &it) == 0 && S_ISSOCK(it.st_mode);
}

#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (!real)                                                                                     \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* A write that is torn has half of its bytes in the file when the process ends. */
#define WRITES(kind, half, whole)                                                                  \
    switch (decide(kind, fd)) {                                                                    \
    case FAIL: return -1;                                                                          \
    case SKIP: return length;                                                                      \
    case TEAR: if (half >= 0) kill(getpid(), SIGKILL);                                             \
    }                                                                                              \
    return whole

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    REAL(pwrite64);
    WRITES(WRITE, real(fd, bytes, length / 2, at), real(fd, bytes, length, at));
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    REAL(pwrite);
    WRITES(WRITE, real(fd, bytes, length / 2, at), real(fd, bytes, length, at));
}

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    uint32_t kind = is_socket(fd) ? SEND : WRITE;
    WRITES(kind, real(fd, bytes, length / 2), real(fd, bytes, length));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += parts[i].iov_len;
    WRITES(SEND, real(fd, parts, 1), real(fd, parts, count));
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    REAL(send);
    WRITES(SEND, real(fd, bytes, length / 2, flags), real(fd, bytes, length, flags));
}

#define CALLS(kind, call)                                                                          \
    switch (decide(kind, fd)) {                                                                    \
    case FAIL: return -1;                                                                          \
    case SKIP: return 0;                                                                           \
    }                                                                                              \
    return call

int fsync(int fd) {
    REAL(fsync);
    CALLS(SYNC, real(fd));
}

int fdatasync(int fd) {
    REAL(fdatasync);
    CALLS(SYNC, real(fd));
}

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    CALLS(TRUNCATE, real(fd, length));
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    CALLS(TRUNCATE, real(fd, length));
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
    REAL(pread64);
    CALLS(READ, real(fd, bytes, length, at));
}

ssize_t pread(int fd, void *bytes, size_t length, off_t at) {
    REAL(pread);
    CALLS(READ, real(fd, bytes, length, at));
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int failed = real(clock, time);
    int64_t shift = plan->clock_us;
    if (!failed && shift && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t us = time->tv_sec * 1000000LL + time->tv_nsec / 1000 + shift;
        time->tv_sec = us / 1000000;
        time->tv_nsec = us % 1000000 * 1000;
    }
    return failed;
}

int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
