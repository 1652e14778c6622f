// What the load generator reports, as members of one JSON object.
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "conn.h"

void tally_add(Tally *tally, double seconds) {
    if (tally->count == tally->room) {
        tally->room = tally->room ? tally->room * 2 : 65536;
        tally->ms = realloc(tally->ms, (size_t)tally->room * sizeof *tally->ms);
    }
    tally->ms[tally->count++] = seconds * 1000;
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void tally_print(const char *prefix, Tally *tally) {
    long n = tally->count;
    if (n == 0) return;
    qsort(tally->ms, (size_t)n, sizeof *tally->ms, order);
    const struct {
        const char *name;
        double share;
    } shown[] = {{"p50_ms", 0.5}, {"p99_ms", 0.99}, {"max_ms", 1}};
    for (int i = 0; i < 3; i++) {
        long at = (long)((double)n * shown[i].share);
        printf("\"%s%s\": %.4f, ", prefix, shown[i].name, tally->ms[at < n ? at : n - 1]);
    }
    printf("\"%scount\": %ld, ", prefix, n);
}

void failures_print(void) {
    printf("\"errors\": %ld, \"first_error\": \"", failures);
    for (const unsigned char *c = (unsigned char *)first_failure; *c; c++)
        if (*c < 32 || *c == '"' || *c == '\\' || *c > 126)
            printf("\\u%04x", *c);
        else
            putchar(*c);
    printf("\"}\n");
    fflush(stdout);
}

double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    struct timeval user = used.ru_utime, kernel = used.ru_stime;
    return (double)(user.tv_sec + kernel.tv_sec) + (double)(user.tv_usec + kernel.tv_usec) * 1e-6;
}
