/* Loaded into a server before libc (LD_PRELOAD): writes down what it writes to its data file and the write-ahead log,
 * with what stood there before, and when each was synced. What was written and never synced is what a power cut may
 * take; torn.py takes it.
 *
 * ROOST_JOURNAL: the file to write into. ROOST_JOURNAL_OF: the data file. A record is a struct entry, then `old`
 * bytes. A write is noted before it is done, a sync after it is done: what is noted as synced is synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct entry {
    uint8_t what;   /* 'W', 'S' or 'T' */
    uint8_t file;   /* 0: the data file, 1: its log */
    uint16_t pad;
    uint32_t size;  /* bytes written */
    uint32_t old;   /* bytes that stood there, which follow */
    uint32_t pad2;
    uint64_t offset;
    uint64_t length; /* of the file before */
};

static int journal = -1;
static char data[PATH_MAX], wal[PATH_MAX + 8];

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int), (*real_fdatasync)(int), (*real_ftruncate)(int, off_t);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    const char *path = getenv("ROOST_JOURNAL"), *of = getenv("ROOST_JOURNAL_OF");
    if (!path || !of || strlen(of) >= PATH_MAX) return;
    strcpy(data, of);
    strcpy(wal, of);
    strcat(wal, "-wal");
    journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int which(int fd) {
    char link[64], path[PATH_MAX];
    if (journal < 0 || fd < 3) return -1;
    char *end = link + sizeof link - 1;
    *end = 0;
    do { *--end = (char)('0' + fd % 10); } while (fd /= 10);
    end -= 14;
    memcpy(end, "/proc/self/fd/", 14);
    ssize_t n = readlink(end, path, sizeof path - 1);
    if (n <= 0) return -1;
    path[n] = 0;
    return strcmp(path, wal) == 0 ? 1 : strcmp(path, data) == 0 ? 0 : -1;
}

static void note(uint8_t what, int file, int fd, size_t size, off_t offset) {
    static __thread char *old;
    static __thread size_t room;
    struct stat st;
    struct entry e = {.what = what, .file = (uint8_t)file, .size = (uint32_t)size, .offset = (uint64_t)offset};
    if (fstat(fd, &st) == 0) e.length = (uint64_t)st.st_size;
    if (what == 'W' && e.offset < e.length) {
        size_t want = e.offset + size > e.length ? e.length - e.offset : size;
        if (room < want) old = realloc(old, room = want);
        ssize_t got = pread(fd, old, want, offset); /* SQLite opens for both; another descriptor would cost its locks */
        e.old = got > 0 ? (uint32_t)got : 0;
    }
    struct iovec parts[2] = {{&e, sizeof e}, {old, e.old}};
    if (writev(journal, parts, e.old ? 2 : 1) < 0) abort();
}

ssize_t write(int fd, const void *bytes, size_t size) {
    int file = which(fd);
    if (file >= 0) note('W', file, fd, size, lseek(fd, 0, SEEK_CUR));
    return real_write(fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
    int file = which(fd);
    if (file >= 0) note('W', file, fd, size, offset);
    return real_pwrite(fd, bytes, size, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) { return pwrite64(fd, bytes, size, offset); }

static int synced(int fd, int (*real)(int)) {
    int file = which(fd), done = real(fd);
    if (file >= 0 && done == 0) note('S', file, fd, 0, 0);
    return done;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int ftruncate64(int fd, off_t size) {
    int file = which(fd);
    if (file >= 0) note('T', file, fd, 0, size);
    return real_ftruncate(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
