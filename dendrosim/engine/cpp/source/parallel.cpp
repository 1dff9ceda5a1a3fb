// Implementation of parallel.h: the thread pool, the deferred loops and the deferred effects of spikes.

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
    const int threads, pieces;

    explicit Pool(int threads) : threads(threads), pieces(2*threads), seats(new Seat[threads])
    {
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
        job = {(blocks + pieces - 1)/pieces*block, count, loop, part};
        const uint64_t now = round.fetch_add(1) + 1;
        if (asleep.load())
        {
            std::lock_guard<std::mutex> lock(mutex);
            wake.notify_all();
        }
        claim(0, now);
        for (int spins = 0; done() < pieces*now; spins++) rest(spins);
    }

private:
    // What different threads write is in different cache lines, of 64 bytes: a line that one thread writes while
    // another one waits for it costs as much as a hundred operations.
    struct alignas(64) Seat {
        std::atomic<uint64_t> claimed[2] = {};  // the round (call of `run`) in which a piece of this thread was last claimed
        std::atomic<uint64_t> done{0};          // pieces that this thread has done in all rounds
    };
    struct alignas(64) Job { int64_t share, total; const void* data; Part call; };

    Seat* const seats;
    Job job{};
    alignas(64) std::atomic<uint64_t> round{0};
    alignas(64) std::atomic<int> asleep{0};
    std::mutex mutex;
    std::condition_variable wake;

    uint64_t done() const
    {
        uint64_t sum = 0;
        for (int i = 0; i < threads; i++) sum += seats[i].done.load(std::memory_order_acquire);
        return sum;
    }

    // A round ends only when all its pieces are done, so `job` stays valid while a thread works on a piece.
    void claim(int index, uint64_t now)
    {
        for (int i = 0; i < pieces; i++)
        {
            const int piece = (2*index + i) % pieces;
            std::atomic<uint64_t>& claimed = seats[piece/2].claimed[piece % 2];
            uint64_t before = now - 1;
            if (claimed.load(std::memory_order_relaxed) != before || !claimed.compare_exchange_strong(before, now)) continue;
            const int64_t begin = std::min(piece*job.share, job.total), end = std::min(begin + job.share, job.total);
            if (begin < end) job.call(job.data, begin, end);
            seats[index].done.fetch_add(1, std::memory_order_release);
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

// The pieces into which a step is divided: those of thread k concern the same elements in all loops and effects of
// spikes, so that it finds in its cache what it has worked on before.
static int64_t pieces() { return pool ? pool->pieces : 1; }

// Call work(p) for every piece: in all threads if that is worth it, else in this one.
template <typename F> static void each_piece(bool worth, const F& work)
{
    const auto some = [&](int64_t begin, int64_t end) { for (int64_t p = begin; p < end; p++) work(p); };
    if (worth) share(pieces(), 1, part_of<decltype(some)>, &some); else some(0, pieces());
}

struct Loops { int64_t count, size; std::vector<Waiting> waiting; };  // deferred loops over the same number of elements
static std::vector<Loops> deferred;

static void run_loops()
{
    int64_t total = 0;
    for (const Loops& l : deferred) total += l.count;
    each_piece(total >= parallel_from, [](int64_t piece) {
        int64_t few = 0;  // blocks of loops that are too short for all pieces; these blocks go to one piece after another
        for (const Loops& l : deferred)
        {
            const int64_t blocks = (l.count + block - 1)/block, all = pieces(), turn = (piece + all - few % all) % all;
            const int64_t first = blocks < all ? std::min(turn, blocks) : piece*blocks/all;
            const int64_t last = blocks < all ? std::min(turn + 1, blocks) : (piece + 1)*blocks/all;
            if (blocks < all) few += blocks;
            const int64_t end = std::min(last*block, l.count);
            for (int64_t i = first*block; i < end; i += l.size)
                for (const Waiting& w : l.waiting) w.call(w.loop, i, std::min(i + l.size, end));
        }
    });
    deferred.clear();
}

void postpone(int64_t count, Waiting loop, int64_t size)
{
    if (count == 1)  // what it sets may be a number that loops over other elements read
    {
        flush();
        loop.call(loop.loop, 0, 1);
        return;
    }
    run_effects();
    for (Loops& l : deferred) if (l.count == count && l.size == size) { l.waiting.push_back(loop); return; }
    deferred.push_back({count, size, {loop}});
}

static std::vector<Effect> effects;
static Access accessed{};  // by all of `effects`
static int64_t affected = 0;  // synapses that `effects` reach

void begin_effect(uint64_t serial)
{
    if (!deferred.empty()) run_loops();
    if (serial & accessed.any) run_effects();
}

void postpone(const Effect& e)
{
    if (!pool) { e.work.call(e.work.loop, 0, e.blocks); return; }
    const bool aligned = e.blocks % threads() == 0;
    if (!aligned || (e.access.elsewhere & accessed.written) || (e.access.written & accessed.elsewhere)) run_effects();
    effects.push_back(e);
    accessed = {accessed.any | e.access.any, accessed.elsewhere | e.access.elsewhere, accessed.written | e.access.written};
    affected += e.synapses;
    if (!aligned) run_effects();
}

void run_effects()
{
    if (effects.empty()) return;
    each_piece(affected >= spread_from, [](int64_t piece) {
        // A thread does the effects of its two pieces at once: the longer a part of a row, the less its beginning costs.
        const int64_t thread = piece/2, all = threads();
        if (piece % 2) return;
        for (const Effect& e : effects) e.work.call(e.work.loop, thread*e.blocks/all, (thread + 1)*e.blocks/all);
    });
    effects.clear();
    accessed = {};
    affected = 0;
}

void flush()
{
    if (!deferred.empty()) run_loops();
    run_effects();
}

bool& flat(const void* array)
{
    static std::map<const void*, bool> known;
    return known[array];
}

}  // namespace ds
