// Element-wise loops in several threads, and the vectorised mathematical functions of the C library.

#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

// glibc has vectorised versions of these, but tells GCC of them only where infinities are given up
// (-ffinite-math-only). This says so in any case; they are accurate to 4 units in the last place.
#if defined __x86_64__ && defined __GLIBC__ && defined __GNUC__ && !defined __clang__
#define DS_VECTORISED __attribute__((__simd__("notinbranch")))
extern "C" {
DS_VECTORISED double exp(double) noexcept;
DS_VECTORISED double log(double) noexcept;
DS_VECTORISED double sin(double) noexcept;
DS_VECTORISED double cos(double) noexcept;
DS_VECTORISED float expf(float) noexcept;
DS_VECTORISED float logf(float) noexcept;
DS_VECTORISED float sinf(float) noexcept;
DS_VECTORISED float cosf(float) noexcept;
}
#endif

namespace ds {

constexpr int64_t block = 256;         // elements; what a thread gets is a multiple of it
constexpr int64_t parallel_from = 2048;  // shorter loops run in one thread: waking others takes longer

// One part of a loop. Not inlined: what stands around the loop must not keep it from being vectorised.
template <typename F> __attribute__((noinline)) void part_of(const void* loop, int64_t begin, int64_t end)
{
    (*(const F*)loop)(begin, end);
}

// Workers that wait for the next loop, first busily, since it follows within microseconds, then asleep.
class Pool {
public:
    explicit Pool(int threads) : threads(threads)
    {
        for (int i = 1; i < threads; i++) std::thread([this, i] { work(i); }).detach();
    }

    template <typename F> void run(int64_t count, const F& loop)
    {
        const int64_t blocks = (count + block - 1)/block;
        share = (blocks + threads - 1)/threads*block;
        total = count;
        data = &loop;
        call = part_of<F>;
        pending.store(threads - 1, std::memory_order_relaxed);
        round.fetch_add(1);
        if (asleep.load())
        {
            std::lock_guard<std::mutex> lock(mutex);
            wake.notify_all();
        }
        part(0);
        for (int spins = 0; pending.load(std::memory_order_acquire) > 0; spins++) rest(spins);
    }

private:
    const int threads;
    int64_t share = 0, total = 0;
    const void* data = nullptr;
    void (*call)(const void*, int64_t, int64_t) = nullptr;
    std::atomic<uint64_t> round{0};
    std::atomic<int> pending{0}, asleep{0};
    std::mutex mutex;
    std::condition_variable wake;

    void part(int index)
    {
        const int64_t begin = index*share, end = std::min(begin + share, total);
        if (begin < end) call(data, begin, end);
    }

    static void rest(int spins)
    {
        if (spins % 1024 == 1023) std::this_thread::yield();
#if defined __x86_64__
        else __builtin_ia32_pause();
#endif
    }

    void work(int index)
    {
        for (uint64_t seen = 0;; seen++)
        {
            for (int spins = 0; round.load(std::memory_order_acquire) == seen; spins++)
            {
                rest(spins);
                if (spins < 20000) continue;
                std::unique_lock<std::mutex> lock(mutex);
                asleep++;
                wake.wait(lock, [&] { return round.load() != seen; });
                asleep--;
            }
            part(index);
            pending.fetch_sub(1, std::memory_order_release);
        }
    }
};

inline Pool* pool = nullptr;  // lives as long as the process, as its threads do

inline void use_threads(int threads)
{
    if (threads > 1) pool = new Pool(threads);
}

// Call loop(begin, end) for parts of 0 .. count that together are all of it.
template <typename F> inline void parallel(int64_t count, const F& loop)
{
    if (pool && count >= parallel_from) pool->run(count, loop); else part_of<F>(&loop, 0, count);
}

}  // namespace ds
