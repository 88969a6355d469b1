#pragma once

#include <cstdio>
#include <cstdlib>

// For test programs that run as ranks: what does not hold ends the job with status 1.
#define EXPECT_THAT_IT_HOLDS(condition)                                                   \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::_Exit(1);                                                                      \
    }                                                                                     \
  } while (false)
