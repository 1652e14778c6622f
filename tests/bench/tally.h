// What the load generator reports.
#ifndef TALLY_H
#define TALLY_H

typedef struct {
    double *ms;
    long count, room;
} Tally;

void tally_add(Tally *tally, double seconds);
void tally_print(const char *prefix, Tally *tally);  // percentiles in milliseconds; sorts it
void failures_print(void);                           // how many and the first; ends the object
double cpu(void);                                    // seconds of CPU time that this process has used
#endif
