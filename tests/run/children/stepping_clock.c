/* A machine's clock that steps by hours, back and forth: preloaded, it changes what the calendar clock says.

   CLOCK_MONOTONIC and the like are left alone, as the kernel leaves them when somebody sets the clock.
   Source: man clock_gettime(2): "CLOCK_MONOTONIC ... is not affected by discontinuous jumps in the system time".
   The calls go to the kernel directly, because dlsym would need the very libc that is being stood in for. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t step(void) {
    /* Each look at the clock finds it elsewhere: -15, -10, -5, 0, 5, 10 or 15 hours off. */
    static atomic_uint num_looks;
    return 18000 * ((time_t)(atomic_fetch_add(&num_looks, 3) % 7) - 3);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI))
        now->tv_sec += step();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact))
        return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact))
        return -1;
    if (result)
        *result = exact.tv_sec;
    return exact.tv_sec;
}
