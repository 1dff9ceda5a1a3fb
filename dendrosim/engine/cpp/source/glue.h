// The interface between a generated program and the runtime: what the program registers, and how it is run.

#pragma once

#include "arrays.h"
#include "synapses.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ds {

struct Span { void* data; int64_t bytes; };

// Arrays on which later steps depend, in addition to those in `arrays`; checkpoints contain all of them.
inline std::vector<Span> hidden;

// A vector with one number per synapse, in double precision (`wide`) or single (`narrow`).
struct Values {
    std::vector<double>* wide;
    std::vector<float>* narrow;
    Values(std::vector<double>* v) : wide(v), narrow(nullptr) {}
    Values(std::vector<float>* v) : wide(nullptr), narrow(v) {}
    void resize(int64_t count) { if (wide) wide->resize(count); else narrow->resize(count); }
    void set(int64_t i, double value) { if (wide) (*wide)[i] = value; else (*narrow)[i] = (float)value; }
    Array array() const
    {
        return wide ? Array{wide->data(), (int64_t)wide->size(), 8} : Array{narrow->data(), (int64_t)narrow->size(), 4};
    }
};

// A variable that the task gives for every synapse. If it is hoisted, all synapses of a unit share a number, in
// `units`, an array with one number for each element of one end.
struct Variable {
    enum End { synapse, pre, post } end;
    Values values{(std::vector<double>*)nullptr};
    Array units{};
    // The array in which the program keeps the numbers.
    Array native() const { return end == synapse ? values.array() : units; }
};

// The synapses of a pathway. `current` are the present values of event-driven states, which `evaluate` computes if they
// are read.
struct Bundle {
    Rows* rows;
    std::vector<Variable> variables;
    std::vector<Variable> current;
    void (*evaluate)();
};
inline std::vector<Bundle> bundles;

// The variables of all bundles, and then the present values of all bundles. In `arrays` they come last, in this
// order, as arrays in the order of the task. Their `data` is null there if the program keeps the numbers otherwise;
// then `ordered` in bundles.h puts them in order.
struct Member { const Rows* rows; const Variable* variable; };
inline std::vector<Member> members;

// The source of a projection with a delay: its bytes, and its values in the last time steps, as many as the delay has.
struct DelayLine {
    int64_t bytes, steps = 0;
    std::vector<char> ring{}, before{};
    char* slot(int64_t step) { return ring.data() + step % steps*bytes; }
};
inline std::vector<DelayLine> delay_lines;

// The objects of a step that `repeat` runs again.
inline std::vector<void (*)()> again;

// Brian2's clock, and its flag that ends the run after the current step.
struct Clock { int64_t* step; double *t, *dt; bool* stopped; };

// Set the folder of the run's files, and the hash of the files that do not change during the run.
void use_folder(const std::string& folder, const std::string& seal);
void run(std::vector<void (*)()> objects, Clock clock);  // run all steps of the task
int finish();                                                   // write the final state and return the exit code

}  // namespace ds
