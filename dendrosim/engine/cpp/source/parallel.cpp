// Implementation of parallel.h: the thread pool and the list of deferred loops.

#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>
#if defined __linux__
#include <sched.h>
#endif

namespace ds {

// Return the processor that this thread runs on, or -1 if it is unknown.
static int processor()
{
#if defined __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

// Exclude a processor from those that this thread may run on.
static void keep_off(int processor)
{
#if defined __linux__
    cpu_set_t allowed;
    if (processor < 0 || processor >= CPU_SETSIZE || sched_getaffinity(0, sizeof allowed, &allowed)) return;
    CPU_CLR(processor, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);  // fails and changes nothing if no other processor is allowed
#endif
}

// A thread pool. Its workers wait for the next loop in a busy loop, because it usually follows within
// microseconds; if it does not, they sleep.
//
// A loop is divided into pieces. Each thread claims its own pieces first, then those that are left. If the
// operating system does not schedule a worker, the other threads do its pieces, and no thread waits for it.
// Workers avoid the processor of the main thread. Otherwise they would start and wake up on that processor, and
// the scheduler would leave them there for thousands of steps.
class Pool {
public:
    const int threads;

    explicit Pool(int threads) : threads(threads), pieces(2*threads), claimed(new std::atomic<uint64_t>[2*threads])
    {
        for (int i = 0; i < pieces; i++) claimed[i] = 0;
        const int home = processor();
        for (int i = 1; i < threads; i++) std::thread([=] { keep_off(home); work(i); }).detach();
    }

    template <typename F> void run(int64_t count, int64_t size, const F& loop)
    {
        run(count, size, part_of<F>, &loop);
    }

    void run(int64_t count, int64_t block, Part part, const void* loop)
    {
        const int64_t blocks = (count + block - 1)/block;
        share = (blocks + pieces - 1)/pieces*block;
        total = count;
        data = loop;
        call = part;
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
    std::atomic<uint64_t>* const claimed;  // the round (call of `run`) in which each piece was last claimed
    int64_t share = 0, total = 0;
    const void* data = nullptr;
    Part call = nullptr;
    std::atomic<uint64_t> round{0};
    std::atomic<int> done{0}, asleep{0};
    std::mutex mutex;
    std::condition_variable wake;

    // A round ends only when all its pieces are done, so the members that `run` sets stay valid while a thread
    // works on a piece.
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

Pool* pool = nullptr;  // never deleted: its threads live as long as the process

void use_threads(int count)
{
    if (count > 1) pool = new Pool(count);
}

int threads() { return pool ? pool->threads : 1; }

void share(int64_t count, int64_t size, Part part, const void* loop)
{
    if (pool) pool->run(count, size, part, loop); else part(loop, 0, count);
}

static std::vector<Waiting> waiting;
static int64_t waiting_count = 0;  // number of elements of each loop in `waiting`

static void run_waiting()
{
    const Waiting *const first = waiting.data(), *const last = first + waiting.size();
    parallel(waiting_count, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += block)
            for (const Waiting* w = first; w < last; w++) w->call(w->loop, i, std::min(i + block, end));
    });
    waiting.clear();
}

void postpone(int64_t count, Waiting loop)
{
    if (count != waiting_count) flush();
    waiting_count = count;
    waiting.push_back(loop);
}

void flush()
{
    if (!waiting.empty()) run_waiting();
}

bool& flat(const void* array)
{
    static std::map<const void*, bool> known;
    return known[array];
}

}  // namespace ds
