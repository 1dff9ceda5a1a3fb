// A stand-in for cuRAND, of which programs create a generator and draw nothing.

#pragma once
#define CURAND_H_

#include "cuda_runtime.h"

enum curandStatus_t {
    CURAND_STATUS_SUCCESS, CURAND_STATUS_VERSION_MISMATCH, CURAND_STATUS_NOT_INITIALIZED,
    CURAND_STATUS_ALLOCATION_FAILED, CURAND_STATUS_TYPE_ERROR, CURAND_STATUS_OUT_OF_RANGE,
    CURAND_STATUS_LENGTH_NOT_MULTIPLE, CURAND_STATUS_DOUBLE_PRECISION_REQUIRED, CURAND_STATUS_LAUNCH_FAILURE,
    CURAND_STATUS_PREEXISTING_FAILURE, CURAND_STATUS_INITIALIZATION_FAILED, CURAND_STATUS_ARCH_MISMATCH,
    CURAND_STATUS_INTERNAL_ERROR
};
enum curandRngType_t { CURAND_RNG_PSEUDO_DEFAULT };
typedef int curandGenerator_t;
struct curandState {};

inline curandStatus_t curandCreateGenerator(curandGenerator_t*, curandRngType_t) { return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandDestroyGenerator(curandGenerator_t) { return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t, unsigned long long)
{
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandSetGeneratorOffset(curandGenerator_t, unsigned long long) { return CURAND_STATUS_SUCCESS; }
inline void curand_init(unsigned long long, unsigned long long, unsigned long long, curandState*) {}
template <typename... A> curandStatus_t ds_no_numbers(A...) { std::abort(); }
#define curandGenerateUniform ds_no_numbers
#define curandGenerateUniformDouble ds_no_numbers
#define curandGenerateNormal ds_no_numbers
#define curandGenerateNormalDouble ds_no_numbers
#define curandGeneratePoisson ds_no_numbers
