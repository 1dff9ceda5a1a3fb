// Element-wise loops in several threads, and the vectorised mathematical functions of the C library.
//
// Loops are part of a program; what runs them is in parallel.cpp, compiled once for all. Of the standard library
// only what takes no time to read is included here: a program's steps are compiled anew for every circuit.

#pragma once

#include <cmath>
#include <cstdint>
#include <new>
#include <type_traits>

// glibc has vectorised versions of these, but tells GCC of them only where infinities are given up
// (-ffinite-math-only). This says so in any case; they are accurate to 4 units in the last place.
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

constexpr int64_t block = 256;         // elements; what a thread gets is a multiple of it
constexpr int64_t parallel_from = 8192;  // shorter loops run in one thread: waking others takes longer

using Part = void (*)(const void* loop, int64_t begin, int64_t end);

// One part of a loop. Not inlined: what stands around the loop must not keep it from being vectorised. With a copy
// of its own, the compiler knows that nothing the loop writes can change the numbers it has captured.
template <typename F> __attribute__((noinline)) void part_of(const void* loop, int64_t begin, int64_t end)
{
    const F own = *(const F*)loop;
    own(begin, end);
}

void use_threads(int count);
int threads();

// Call a loop for parts of 0 .. count that together are all of it, in all threads; what a thread gets is a multiple
// of `size`.
void share(int64_t count, int64_t size, Part part, const void* loop);

template <typename F> inline void parallel(int64_t count, const F& loop)
{
    if (count >= parallel_from) share(count, block, part_of<F>, &loop); else part_of<F>(&loop, 0, count);
}

// ---------------------------------------------------------------------------------------------------
// Loops that wait for each other. Those that follow each other in a step and go over the same elements run
// together, block by block, so that a block stays in the cache for all of them and threads meet once.
// An iteration may touch its own element only. Whatever looks at more has to call `flush` first; generate.py sees
// to that for every object that does not itself call `defer`.

struct Waiting { Part call; const void* loop; };

void postpone(int64_t count, Waiting loop);
void flush();

// Run loop(begin, end), for blocks that begin at multiples of `block`, before the next `flush` returns.
template <typename F> inline void defer(int64_t count, const F& loop)
{
    static_assert(std::is_trivially_destructible_v<F>, "a loop that waits holds numbers and pointers only");
    alignas(F) static char kept[sizeof(F)];
    postpone(count, {part_of<F>, new (kept) F(loop)});
}

// Whether all elements of an array are known to be the same, so that loops need not read it.
bool& flat(const void* array);

// Stands for such an array.
template <typename T> struct Same {
    T value;
    explicit Same(T v) : value(v) {}
    T operator[](int64_t) const { return value; }
};

}  // namespace ds
