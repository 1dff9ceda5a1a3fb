// The run loop that all generated programs share, compiled once for all of them.
//
// A program is generated once for each circuit structure. It reads all numbers, inputs, phases, seeds and the run
// length from the run's folder (task.h). It writes recordings, spikes and the final state there, and reports its
// progress on standard output; from these files Python makes the result. At intervals the program also writes its
// complete state (checkpoint.h). If it is started again in the same folder, it resumes from that state.

#include "runtime.h"

#include "bundles.h"
#include "checkpoint.h"
#include "dense.h"
#include "flying.h"
#include "given_spikes.h"
#include "glue.h"
#include "guard.h"
#include "interrupts.h"
#include "parallel.cpp"
#include "sparse.h"
#include "task.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace ds {

static void store(const Array& a, int64_t i, double value)
{
    if (a.bytes == 4) ((float*)a.data)[i] = (float)value; else ((double*)a.data)[i] = value;
}

void read_start(Reader& r, const Array& a, int64_t count)
{
    r.bytes(a.data, count*a.bytes);
    for (int64_t i = count; i < a.size; i++) std::memcpy((char*)a.data + i*a.bytes, a.data, a.bytes);
}

void read_connections(Reader& r)
{
    if (r.integer() != (int64_t)sparse_matrices.size()) fail("the task has connections of other matrices");
    for (SparseMatrix* m : sparse_matrices)
    {
        std::vector<int64_t> starts = r.list<int64_t>();
        std::vector<int32_t> columns = r.list<int32_t>();
        if (!m->connect(std::move(starts), std::move(columns))) fail("the task has connections out of range");
    }
}

void read_delays(Reader& r)
{
    if (r.integer() != (int64_t)delay_lines.size()) fail("the task has delays of other projections");
    for (DelayLine& d : delay_lines)
    {
        if ((d.steps = r.integer()) < 1) fail("the task has a delay of less than a step");
        d.ring.resize(d.steps*d.bytes);
        d.before.resize(d.bytes);
        const int64_t known = r.integer();  // values before the first step, the oldest one first
        if (known && known != d.steps) fail("the task has too few values of a delayed projection");
        for (int64_t k = 0; k < known; k++) r.bytes(d.slot(task.first + k), d.bytes);
        hidden.push_back({d.ring.data(), (int64_t)d.ring.size()});
    }
}

static void load()
{
    read_task();
    use_threads((int)task.threads);
    for (Bundle& b : bundles) cut(*b.rows);
    let_blas_work(blas_works);
    watch(task.watched);
    pause = task.interval;
    saved = std::chrono::steady_clock::now();
}

// ---------------------------------------------------------------------------------------------------
// Functions that run in every step.

static double look_up(const Table& t, double position, int64_t unit)
{
    const int64_t column = t.values.columns == 1 ? 0 : unit, last = t.values.rows - 1;
    int64_t index = (int64_t)(position + 1e-9);
    if (index > last) index = last;
    const double here = t.values.values[index*t.values.columns + column];
    if (!t.linear || index == last) return here;
    return here + (position - index)*(t.values.values[(index + 1)*t.values.columns + column] - here);
}

template <typename T> static bool same(const T* values, int64_t count)
{
    return std::all_of(values, values + count, [=](T v) { return v == values[0]; });
}

// Set `flat` of an array, which says whether all its numbers are equal.
static void find_flat(const Array& a)
{
    flat(a.data) = a.bytes == 4 ? same((const float*)a.data, a.size) : same((const double*)a.data, a.size);
}

// Set an array for a moment that is `ahead` steps after the beginning of the step.
static void fill(const Fill& f, int64_t ahead = 0)
{
    const Array& a = arrays[f.array];
    const int64_t units = f.constant.size();
    const int32_t* rows = task.rows.data();
    const double elapsed = (task.step + ahead - task.now.start)*task.dt;
    for (int64_t u = 0; u < units; u++)
        for (int64_t b = 0; b < f.repeat; b++)
        {
            double value = f.constant[u];
            for (int64_t s : f.samples) value += task.data[s].values[rows[b]*task.data[s].columns + u];
            for (const Table& t : f.tables) value += look_up(t, elapsed/t.interval, u);
            store(a, u*f.repeat + b, value);
        }
    find_flat(a);
}

// Return whether an input of the current phase changes in every step.
static bool has_tables()
{
    const std::vector<Fill>& fills = task.fills[task.now.phase];
    return std::any_of(fills.begin(), fills.end(), [](const Fill& f) { return !f.tables.empty(); });
}

// Set the times since phase and block have begun, and the inputs and gates that tables give.
static void set_time(int64_t ahead, bool tables)
{
    if (tables)
        for (const Fill& f : task.fills[task.now.phase]) if (!f.tables.empty()) fill(f, ahead);
    store(arrays[task.time_phase], 0, (task.step + ahead - task.now.start)*task.dt);
    store(arrays[task.time_block], 0, (task.step + ahead - task.now.block_start)*task.dt);
}

void feed()
{
    bool tables = task.tables;
    if (task.next.start == task.step)
    {
        enter(task.segment + 1);
        for (const Fill& f : task.fills[task.now.phase]) fill(f);
        task.tables = has_tables();
        tables = false;
    }
    for (const Noise& n : task.noises)
        *(int64_t*)arrays[n.array].data = (int64_t)bits(n.key, task.step);
    set_time(0, tables);
    if (task.step % 16 == 0) tell(false);
}

bool second = false;
static Clock now;  // Brian2's clock

void repeat()
{
    set_time(1, task.tables);
    *now.t = (task.step + 1)*task.dt;
    second = true;
    for (const auto object : again)
    {
        object();
        if (diverged) break;
    }
    second = false;
}

// Compute the present values of event-driven states that are recorded in this step, or all of them at the end.
static void evaluate(bool all)
{
    const int64_t first = array_count - (int64_t)members.size();
    for (const Bundle& b : bundles)
    {
        const bool read = std::any_of(task.tapes.begin(), task.tapes.end(), [&](const Tape& t) {
            return t.due == task.step && t.array >= first && members[t.array - first].rows == b.rows;
        });
        if (b.evaluate && (all || read)) b.evaluate();
    }
}

void record()
{
    const auto now = [](const Tape& t) { return t.due == task.step; };
    if (patients.empty() && std::none_of(task.tapes.begin(), task.tapes.end(), now)) return;
    flush();
    settle();
    if (diverged) return;
    evaluate(false);
    static std::vector<char> picked, space;
    for (Tape& t : task.tapes)
    {
        if (t.due != task.step) continue;
        t.look_ahead();
        const Array& a = arrays[t.array];
        const void* row = ordered(t.array, space);
        if (!t.pick.empty())
        {
            picked.resize(t.bytes());
            for (size_t i = 0; i < t.pick.size(); i++)
                std::memcpy(picked.data() + i*a.bytes, (const char*)row + t.pick[i]*a.bytes, a.bytes);
            row = picked.data();
        }
        t.rows.add(row, t.bytes());
    }
}

const void* delayed(int64_t line, const void* source)
{
    DelayLine& d = delay_lines[line];
    if (task.step == 0)  // before the run, the source had the value of the first step
        for (int64_t i = 0; i < d.steps; i++) std::memcpy(d.ring.data() + i*d.bytes, source, d.bytes);
    char* const slot = d.slot(task.step);
    std::memcpy(d.before.data(), slot, d.bytes);
    std::memcpy(slot, source, d.bytes);
    return d.before.data();
}

void keep(int64_t index, const int32_t* events, int64_t count)
{
    Reel& reel = task.reels[index];
    if (!count || !reel.runs(task.step)) return;
    static std::vector<int32_t> fired;
    static std::vector<int64_t> steps;
    fired.clear();
    for (int64_t i = 0; i < count; i++)
        if (reel.kept.empty() || reel.kept[events[i]]) fired.push_back(events[i]);
    if ((int64_t)fired.size() > task.spikes_left)
    {
        *now.stopped = task.full = true;
        return;
    }
    task.spikes_left -= fired.size();
    steps.assign(fired.size(), task.step);
    reel.elements.add(fired.data(), 4*fired.size());
    reel.steps.add(steps.data(), 8*steps.size());
}

// Complete a step: run deferred loops and postponed updates. Then write a checkpoint if the run can be resumed
// from this state.
static void complete()
{
    flush();
    settle();
    task.broken |= diverged;
    if (task.interval >= 0 && !task.broken && !task.full && task.step < task.steps) save();
}

void guard()
{
    task.step++;
    task.broken |= !watched_are_finite();
    if (task.step % task.synapses_every == 0 || task.step == task.steps)
        for (int64_t id : task.watched_synapses) task.broken |= !finite(native(id));
    if (task.interval >= 0 && seconds(saved, std::chrono::steady_clock::now()) >= pause) complete();
    if (task.broken) *now.stopped = true;
}

// ---------------------------------------------------------------------------------------------------
// Functions that begin and end a run.

void use_folder(const std::string& folder, const std::string& seal)
{
    receive_interrupts();
    task.folder = folder;
    task.seal = seal;
}

// Restore the state of a checkpoint, if there is one.
static void resume()
{
    if (!task.resumed) return;
    restore();
    check_constants();
    task.tables = task.segment >= 0 && has_tables();
    int64_t begun = task.segment + 1;  // number of segments that have begun
    for (const Stretch& s : task.stretches)
    {
        const int64_t phases = (int64_t)s.offsets.size();
        for (int64_t k = 0; k < std::min(begun, phases); k++)
            for (const Fill& f : task.fills[s.first_phase + k]) find_flat(arrays[f.array]);
        begun = std::max<int64_t>(0, begun - s.trials*phases);
    }
}

// Run all steps. This replaces the loop of Brian2's network, which in every step looks up the clock of every
// object and reads the time.
void run(std::vector<void (*)()> objects, Clock clock)
{
    load();
    for (const Bundle& b : bundles)
        objects.erase(std::remove(objects.begin(), objects.end(), b.evaluate), objects.end());
    *clock.dt = task.dt;
    resume();
    *clock.step = task.step;
    *clock.t = task.step*task.dt;
    const auto begin = std::chrono::steady_clock::now();
    now = clock;
    *clock.stopped = false;
    while (task.step < task.steps && !*clock.stopped && !interrupted && !diverged)
    {
        for (const auto object : objects)
        {
            object();
            if (diverged) break;
        }
        *clock.t = ++*clock.step*task.dt;
    }
    task.seconds = seconds(begin, std::chrono::steady_clock::now());
}

int finish()
{
    complete();
    evaluate(true);
    write_flying();
    return conclude([](const Array& a, std::vector<char>& space) { return ordered(&a - arrays, space); });
}

}  // namespace ds
