#include "gtest/gtest.h"
TEST(Meta, Placeholder) {}
