// Records what a program does to the files below one folder, or lets it fail.
//
// SHIM_ROOT    the folder
// SHIM_TRACE   where the record goes, if there shall be one
// SHIM_MARKS   a file: what is written to it is a mark in the record
// SHIM_FAULTS  a file that holds a line "quota N", "readonly" or "fsync", or nothing. It is
//              read at each call, so that the program can change it.
//
// A record: kind (1 byte), inode, offset, length (8 bytes each), and as many bytes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define FDS 4096
#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

enum { OTHER, BELOW, MARKS };
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char what[FDS];
static uint64_t inode[FDS];
static int trace = -2;
static long long used;

static int is_below(const char *path) {
    const char *root = getenv("SHIM_ROOT");
    size_t length = root ? strlen(root) : 0;
    return length && path && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

static void full_write(int fd, const void *data, size_t length) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    for (const char *at = data; length;) {
        ssize_t written = real(fd, at, length);
        if (written <= 0) abort();
        at += written, length -= written;
    }
}

static void record(char kind, uint64_t node, uint64_t offset, const void *data, uint64_t length) {
    if (trace == -2) {
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        const char *path = getenv("SHIM_TRACE");
        trace = path ? real(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    }
    if (trace < 0) return;
    char head[25] = {kind};
    memcpy(head + 1, &node, 8), memcpy(head + 9, &offset, 8), memcpy(head + 17, &length, 8);
    full_write(trace, head, sizeof head);
    full_write(trace, data, length);
}

// Whether a call fails: for lack of room for so many bytes, or for another reason.
static int faults(const char *call, long long bytes) {
    const char *path = getenv("SHIM_FAULTS");
    if (!path) return 0;
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    char text[64] = "";
    int fd = real(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    int (*real_close)(int) = dlsym(RTLD_NEXT, "close");
    real_close(fd);
    text[length > 0 ? length : 0] = 0;
    long long quota;
    int fault = 0;
    if (!strcmp(text, "readonly") && strcmp(call, "sync")) fault = EROFS;
    if (!strcmp(text, "fsync") && !strcmp(call, "sync")) fault = EIO;
    if (sscanf(text, "quota %lld", &quota) == 1 && used + bytes > quota) fault = ENOSPC;
    return fault;
}

static int is_there(const char *path) { struct stat is; return !lstat(path, &is); }

static int opened(int fd, const char *path, int was_there) {
    if (fd < 0 || fd >= FDS) return fd;
    const char *marks = getenv("SHIM_MARKS");
    what[fd] = marks && !strcmp(path, marks) ? MARKS : is_below(path) ? BELOW : OTHER;
    struct stat is;
    if (what[fd] == BELOW && !fstat(fd, &is)) {
        inode[fd] = is.st_ino;
        if (!was_there) record('c', is.st_ino, 0, path, strlen(path));
        if (S_ISDIR(is.st_mode)) record('d', is.st_ino, 0, path, strlen(path));
    }
    return fd;
}

#define OPEN(name, parameters, path, ...)                                              \
    int name parameters {                                                              \
        REAL(name);                                                                    \
        va_list more;                                                                  \
        va_start(more, flags);                                                         \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;      \
        va_end(more);                                                                  \
        pthread_mutex_lock(&lock);                                                     \
        int was_there = is_there(path), fd = -1;                                       \
        int fault = is_below(path) && flags & (O_CREAT | O_WRONLY | O_RDWR)            \
            ? faults("open", 0) : 0;                                                   \
        /* What SQLite asks for to read, it may have. */                               \
        if (fault && (fault != EROFS || flags & O_ACCMODE)) errno = fault;             \
        else fd = opened(real(__VA_ARGS__, flags, mode), path, was_there);             \
        pthread_mutex_unlock(&lock);                                                   \
        return fd;                                                                     \
    }
OPEN(open, (const char *path, int flags, ...), path, path)
OPEN(open64, (const char *path, int flags, ...), path, path)
OPEN(openat, (int at, const char *path, int flags, ...), path, at, path)
OPEN(openat64, (int at, const char *path, int flags, ...), path, at, path)

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < FDS) what[fd] = OTHER;
    return real(fd);
}

static int kind_of(int fd) { return fd >= 0 && fd < FDS ? what[fd] : OTHER; }

#define WRITE(name, parameters, at, ...)                                               \
    ssize_t name parameters {                                                          \
        REAL(name);                                                                    \
        if (kind_of(fd) == OTHER) return real(__VA_ARGS__);                            \
        pthread_mutex_lock(&lock);                                                     \
        off_t place = at;                                                              \
        struct stat is;                                                                \
        long long grows = fstat(fd, &is) ? 0 : place + (long long)length - is.st_size; \
        int fault = kind_of(fd) == BELOW ? faults("write", grows > 0 ? grows : 0) : 0; \
        ssize_t written = -1;                                                          \
        if (fault) errno = fault;                                                      \
        else {                                                                         \
            written = real(__VA_ARGS__);                                               \
            if (written > 0 && kind_of(fd) == MARKS) record('m', 0, 0, data, written); \
            else if (written > 0) record('w', inode[fd], place, data, written);        \
            if (kind_of(fd) == BELOW && grows > 0) used += grows;                      \
        }                                                                              \
        pthread_mutex_unlock(&lock);                                                   \
        return written;                                                                \
    }
WRITE(write, (int fd, const void *data, size_t length), lseek(fd, 0, SEEK_CUR), fd, data, length)
WRITE(pwrite, (int fd, const void *data, size_t length, off_t offset), offset, fd, data, length, offset)
WRITE(pwrite64, (int fd, const void *data, size_t length, off64_t offset), offset, fd, data, length, offset)

#define CUT(name, type)                                                                \
    int name(int fd, type length) {                                                    \
        REAL(name);                                                                    \
        if (kind_of(fd) != BELOW) return real(fd, length);                             \
        pthread_mutex_lock(&lock);                                                     \
        struct stat is;                                                                \
        if (!fstat(fd, &is) && is.st_size > length) used -= is.st_size - length;       \
        int done = real(fd, length);                                                   \
        if (!done) record('t', inode[fd], length, "", 0);                              \
        pthread_mutex_unlock(&lock);                                                   \
        return done;                                                                   \
    }
CUT(ftruncate, off_t)
CUT(ftruncate64, off64_t)

#define SYNC(name)                                                                     \
    int name(int fd) {                                                                 \
        REAL(name);                                                                    \
        if (kind_of(fd) != BELOW) return real(fd);                                     \
        pthread_mutex_lock(&lock);                                                     \
        int fault = faults("sync", 0);                                                 \
        if (!fault) record('s', inode[fd], 0, "", 0);                                  \
        pthread_mutex_unlock(&lock);                                                   \
        errno = fault;                                                                 \
        return fault ? -1 : 0;                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    REAL(unlink);
    pthread_mutex_lock(&lock);
    struct stat is;
    if (is_below(path) && !stat(path, &is)) used -= is.st_size;
    int done = real(path);
    if (!done && is_below(path)) record('u', 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) {
    if (is_below(from) || is_below(to)) abort(); // Not recorded: nothing here does it.
    REAL(rename);
    return real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    pthread_mutex_lock(&lock);
    int fault = is_below(path) ? faults("open", 0) : 0, done = -1;
    if (fault) errno = fault;
    else done = real(path, mode);
    struct stat is;
    if (!done && is_below(path) && !stat(path, &is)) record('c', is.st_ino, 1, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return done;
}
