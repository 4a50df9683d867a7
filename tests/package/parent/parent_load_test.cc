// Stands for a load test of the parent's: what is asked is whether ctest finds it.
#include <gtest/gtest.h>

TEST(ParentLoad, DISABLED_IsFound) {}
