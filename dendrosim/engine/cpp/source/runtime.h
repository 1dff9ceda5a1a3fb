// Functions that a program calls once in every step. They are in runtime.cpp, compiled once for all programs.

#pragma once

#include "arithmetic.h"
#include "normals.h"
#include "parallel.h"

#include <cstdint>

namespace ds {

void feed();    // set inputs, gates, keys of random numbers, and times of the step
// Set inputs and gates to their values at the end of the step, then evaluate the vector field and update the matrices
// again: the second half of a step of Heun's method, in which `second` is true.
void repeat();
extern bool second;
void record();  // write the recordings that are due in this step
void keep(int64_t reel, const int32_t* events, int64_t count);  // write the spikes of this step to a recording
// Write the spikes that the task gives to a source in this step into its list of spikes.
void fire(int64_t index, int32_t* events, int64_t units);
// Keep the values of a projection's source in this step, and return those that it had before its delay.
const void* delayed(int64_t line, const void* source);
void guard();   // end the step: check for non-finite numbers, write a checkpoint if one is due

}  // namespace ds
