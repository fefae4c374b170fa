/* The wall clock of one process, stepped while it runs: LD_PRELOADed by fault_test.py. The step in
   seconds is in the file that CLOCK_STEP_FILE names; nothing else of the clock is touched. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long Step(void) {
  static int file = -2;
  char text[32] = {0};
  if (file == -2) {
    const char* const path = getenv("CLOCK_STEP_FILE");
    file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  }
  if (file < 0 || pread(file, text, sizeof(text) - 1, 0) <= 0) {
    return 0;
  }
  return strtol(text, NULL, 10);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has reserved names */
int clock_gettime(clockid_t clock, struct timespec* out) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) {
    *(void**)&real = dlsym(RTLD_NEXT, "clock_gettime");
  }
  const int result = real(clock, out);
  if (result == 0 && clock == CLOCK_REALTIME) {
    out->tv_sec += Step();
  }
  return result;
}
