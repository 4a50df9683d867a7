// Part of test programs that start no thread, and are therefore left out of the build for the
// thread sanitizer. Whoever calls this function, the standard library too, gets it in place of the
// system's: a test that begins to start a thread fails until its program is marked THREADS.
#include <pthread.h>

#include <cstdio>
#include <cstdlib>

extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t*,
                                                                     const pthread_attr_t*,
                                                                     void* (*)(void*), void*) {
  std::fputs(
      "this test program starts a thread: mark it THREADS in its CMakeLists.txt, so that the "
      "thread "
      "sanitizer runs it too\n",
      stderr);
  std::abort();
}
