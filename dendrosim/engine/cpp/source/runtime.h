// What the steps of a program call, once a step each. It is in runtime.cpp, compiled once for all programs.

#pragma once

#include "normals.h"
#include "parallel.h"

#include <cstdint>

namespace ds {

void feed();    // inputs, gates, random numbers and times of the step
void record();  // what is to be recorded of the state
void keep(int64_t reel, const int32_t* events, int64_t count);  // the spikes of the step
void guard();   // the end of the step: is all finite, is a checkpoint due?

}  // namespace ds
