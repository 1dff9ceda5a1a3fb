// Element-wise loops in several threads, and the vectorised mathematical functions of the C library.
//
// The loops are part of a program. The code that runs them is in parallel.cpp, compiled once for all programs.
// This file includes only headers that are quick to compile, because steps.cpp is compiled for every circuit.

#pragma once

#include <cmath>
#include <cstdint>
#include <new>
#include <type_traits>

// glibc has vectorised versions of these functions, but its headers declare them to GCC only with
// -ffinite-math-only. The declarations below do not need that flag. The functions are accurate to 4 units in the
// last place.
#if defined __x86_64__ && defined __GLIBC__ && defined __GNUC__ && !defined __clang__
#define DS_VECTORISED(function) \
    __attribute__((__simd__("notinbranch"))) double function(double) noexcept; \
    __attribute__((__simd__("notinbranch"))) float function##f(float) noexcept;
extern "C" {
DS_VECTORISED(exp)
DS_VECTORISED(log)
DS_VECTORISED(sin)
DS_VECTORISED(cos)
#if __GLIBC_PREREQ(2, 35)
DS_VECTORISED(tanh)
DS_VECTORISED(sinh)
DS_VECTORISED(cosh)
DS_VECTORISED(tan)
DS_VECTORISED(atan)
DS_VECTORISED(asin)
DS_VECTORISED(acos)
DS_VECTORISED(expm1)
DS_VECTORISED(log1p)
DS_VECTORISED(log10)
#endif
}
#undef DS_VECTORISED
#endif

namespace ds {

constexpr int64_t block = 256;         // elements; each thread gets a multiple of this number
constexpr int64_t parallel_from = 4096;  // loops over fewer elements are faster in one thread

using Part = void (*)(const void* loop, int64_t begin, int64_t end);

// Run one part of a loop. The function is not inlined, so that the surrounding code cannot prevent its
// vectorisation. The local copy of the closure tells the compiler that no write of the loop can change the values
// that the loop has captured.
template <typename F> __attribute__((noinline)) void part_of(const void* loop, int64_t begin, int64_t end)
{
    const F own = *(const F*)loop;
    own(begin, end);
}

void use_threads(int count);
int threads();

// Divide the range 0 .. count among all threads and call the loop for each part. The size of each part is
// a multiple of `size`, except for the last part.
void share(int64_t count, int64_t size, Part part, const void* loop);

template <typename F> inline void parallel(int64_t count, const F& loop)
{
    if (count >= parallel_from) share(count, block, part_of<F>, &loop); else part_of<F>(&loop, 0, count);
}

// ---------------------------------------------------------------------------------------------------
// Deferred loops. Loops over elements run together, block by block, so that a block stays in the cache for all of
// them and the threads synchronise once. An iteration may access only its own element of any array that changes in a
// step, so loops over different numbers of elements are independent. Code that accesses other elements has to call
// `flush` first; generate.py inserts this call into every code object that does not call `defer` or `flush` itself.

struct Waiting { Part call; const void* loop; };

// Run a loop over `count` elements, at most `size` at a time, at the latest when `flush` is called.
void postpone(int64_t count, Waiting loop, int64_t size = block);
void flush();

// Run loop(begin, end) for blocks that begin at multiples of `block`, at the latest when `flush` is called.
template <typename F> inline void defer(int64_t count, const F& loop)
{
    static_assert(std::is_trivially_destructible_v<F>, "a deferred loop may hold only numbers and pointers");
    alignas(F) static char kept[sizeof(F)];
    postpone(count, {part_of<F>, new (kept) F(loop)});
}

// ---------------------------------------------------------------------------------------------------
// Deferred effects of spikes: what several pathways do in a step runs together, so that the threads synchronise once.
// An effect is divided into blocks of postsynaptic units; if their number is a multiple of that of threads, thread k
// works on the same units of a population in all effects. Effects on one unit keep their order.

constexpr int64_t spread_from = 2048;  // effects on fewer synapses in a step are done by one thread

// Sets of variables of populations, one bit each (variables that share a bit only cost time): those that an effect
// reads or writes, those that it reads of units other than the postsynaptic one, and those that it writes.
struct Access { uint64_t any, elsewhere, written; };

struct Effect { Waiting work; int64_t blocks, synapses; Access access; };

// Begin an effect of spikes: run what has to be done before code that accesses the variables `serial`.
void begin_effect(uint64_t serial);
void postpone(const Effect& effect);
void run_effects();

// Do an effect on `synapses` synapses for all blocks, at the latest when `flush` is called.
template <typename F> inline void affect(int64_t blocks, int64_t synapses, Access access, const F& part)
{
    static_assert(std::is_trivially_destructible_v<F>, "a deferred effect may hold only numbers and pointers");
    alignas(F) static char kept[sizeof(F)];
    postpone(Effect{{part_of<F>, new (kept) F(part)}, blocks, synapses, access});
}

// Whether an array is flat: all its elements are known to be equal, so that loops need only the first one.
bool& flat(const void* array);

// The elements of a block in which something has happened. Each block has cache lines of its own.
struct alignas(64) Hits { int32_t count, elements[block]; };

// Replaces a flat array in a loop: returns the common value for every index.
template <typename T> struct Same {
    T value;
    explicit Same(T v) : value(v) {}
    T operator[](int64_t) const { return value; }
};

}  // namespace ds
