// Element-wise loops in several threads, and the vectorised mathematical functions of the C library.

#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <type_traits>
#include <vector>
#if defined __linux__
#include <sched.h>
#endif

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

// One part of a loop. Not inlined: what stands around the loop must not keep it from being vectorised. With a copy
// of its own, the compiler knows that nothing the loop writes can change the numbers it has captured.
template <typename F> __attribute__((noinline)) void part_of(const void* loop, int64_t begin, int64_t end)
{
    const F own = *(const F*)loop;
    own(begin, end);
}

// The processor that this thread runs on, or -1.
inline int processor()
{
#if defined __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

// Keep this thread off a processor.
inline void keep_off(int processor)
{
#if defined __linux__
    cpu_set_t allowed;
    if (processor < 0 || processor >= CPU_SETSIZE || sched_getaffinity(0, sizeof allowed, &allowed)) return;
    CPU_CLR(processor, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);  // fails, and changes nothing, where no other is left
#endif
}

// Workers that wait for the next loop, first busily, since it follows within microseconds, then asleep.
//
// A loop is cut into pieces that whoever is free claims, its own first: where the machine gives a worker
// no time, the others do its pieces, and nobody waits for it. Workers keep off the processor of the thread that they
// help: there they would begin, and wake up, and stay for thousands of steps until the scheduler noticed.
class Pool {
public:
    const int threads;

    explicit Pool(int threads) : threads(threads), pieces(2*threads), claimed(new std::atomic<uint64_t>[2*threads])
    {
        for (int i = 0; i < pieces; i++) claimed[i] = 0;
        const int home = processor();
        for (int i = 1; i < threads; i++) std::thread([=] { keep_off(home); work(i); }).detach();
    }

    template <typename F> void run(int64_t count, int64_t block, const F& loop)
    {
        const int64_t blocks = (count + block - 1)/block;
        share = (blocks + pieces - 1)/pieces*block;
        total = count;
        data = &loop;
        call = part_of<F>;
        done.store(0, std::memory_order_relaxed);
        const uint64_t now = round.fetch_add(1) + 1;
        if (asleep.load())
        {
            std::lock_guard<std::mutex> lock(mutex);
            wake.notify_all();
        }
        claim(0, now);
        for (int spins = 0; done.load(std::memory_order_acquire) < pieces; spins++) rest(spins);
    }

private:
    const int pieces;
    std::atomic<uint64_t>* const claimed;  // the round in which each piece was last claimed
    int64_t share = 0, total = 0;
    const void* data = nullptr;
    void (*call)(const void*, int64_t, int64_t) = nullptr;
    std::atomic<uint64_t> round{0};
    std::atomic<int> done{0}, asleep{0};
    std::mutex mutex;
    std::condition_variable wake;

    // A round ends when all its pieces are done, so what `run` has set holds as long as a piece is claimed.
    void claim(int index, uint64_t now)
    {
        for (int i = 0; i < pieces; i++)
        {
            const int piece = (2*index + i) % pieces;
            uint64_t before = now - 1;
            if (!claimed[piece].compare_exchange_strong(before, now)) continue;
            const int64_t begin = std::min(piece*share, total), end = std::min(begin + share, total);
            if (begin < end) call(data, begin, end);
            done.fetch_add(1, std::memory_order_release);
        }
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
        for (uint64_t seen = 0;;)
        {
            uint64_t now = round.load(std::memory_order_acquire);
            for (int spins = 0; now == seen; now = round.load(std::memory_order_acquire), spins++)
            {
                rest(spins);
                if (spins < 20000) continue;
                std::unique_lock<std::mutex> lock(mutex);
                asleep++;
                wake.wait(lock, [&] { return round.load() != seen; });
                asleep--;
            }
            claim(index, seen = now);
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
    if (pool && count >= parallel_from) pool->run(count, block, loop); else part_of<F>(&loop, 0, count);
}

// ---------------------------------------------------------------------------------------------------
// Loops that wait for each other. Those that follow each other in a step and go over the same elements run
// together, block by block, so that a block stays in the cache for all of them and threads meet once.
// An iteration may touch its own element only. Whatever looks at more has to call `flush` first; generate.py sees
// to that for every object that does not itself call `defer`.

struct Waiting { void (*call)(const void*, int64_t, int64_t); const void* loop; };
inline std::vector<Waiting> waiting;
inline int64_t waiting_count = 0;  // elements

// Looks for numbers that are not finite. What is due looks before anything else is done to its elements, at the latest
// in the next `flush`: together with what the next step does to them it costs next to nothing.
struct Watch { int64_t count; Waiting loop; bool due; };
inline std::vector<Watch> watches;

// Whether some were found. They are those of the end of the step before; nothing else happens to their block then.
inline std::atomic<bool> diverged{false};

inline void begin_waiting(int64_t count)
{
    waiting_count = count;
    for (Watch& w : watches)
        if (w.due && w.count == count)
        {
            waiting.push_back(w.loop);
            w.due = false;
        }
}

inline void run_waiting()
{
    const Waiting *const first = waiting.data(), *const last = first + waiting.size();
    parallel(waiting_count, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += block)
            for (const Waiting* w = first; w < last && !diverged.load(std::memory_order_relaxed); w++)
                w->call(w->loop, i, std::min(i + block, end));
    });
    waiting.clear();
}

inline void flush()
{
    if (!waiting.empty()) run_waiting();
    for (const Watch& w : watches)
        if (w.due)
        {
            begin_waiting(w.count);
            run_waiting();
        }
}

// Run loop(begin, end), for blocks that begin at multiples of `block`, before the next `flush` returns.
template <typename F> inline void defer(int64_t count, const F& loop)
{
    static_assert(std::is_trivially_destructible_v<F>, "a loop that waits holds numbers and pointers only");
    alignas(F) static char kept[sizeof(F)];
    if (count != waiting_count && !waiting.empty()) run_waiting();
    if (waiting.empty()) begin_waiting(count);
    waiting.push_back({part_of<F>, new (kept) F(loop)});
}

// Whether all elements of an array are known to be the same, so that loops need not read it.
inline bool& flat(const void* array)
{
    static std::map<const void*, bool> known;
    return known[array];
}

// Stands for such an array.
template <typename T> struct Same {
    T value;
    explicit Same(T v) : value(v) {}
    T operator[](int64_t) const { return value; }
};

template <typename T> inline bool same(const T* values, int64_t count)
{
    return std::all_of(values, values + count, [=](T v) { return v == values[0]; });
}

}  // namespace ds
