// The interface between a generated program and the runtime: what the program registers, and how it is run.

#pragma once

#include "arrays.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ds {

struct Span { void* data; int64_t bytes; };

// Arrays on which later steps depend, in addition to those in `arrays`; checkpoints contain all of them.
inline std::vector<Span> hidden;

// A vector in which Brian2 keeps one number per synapse, in double precision (`wide`) or single (`narrow`).
struct Values {
    std::vector<double>* wide;
    std::vector<float>* narrow;
    Values(std::vector<double>* v) : wide(v), narrow(nullptr) {}
    Values(std::vector<float>* v) : wide(nullptr), narrow(v) {}
    void set(const std::vector<double>& v)
    {
        if (wide) wide->assign(v.begin(), v.end()); else narrow->assign(v.begin(), v.end());
    }
    Array array() const
    {
        return wide ? Array{wide->data(), (int64_t)wide->size(), 8} : Array{narrow->data(), (int64_t)narrow->size(), 4};
    }
};
struct Queue { int* offset; std::vector<std::vector<int32_t>>* slots; };

// The synapses of a pathway: the vectors in which Brian2 keeps them, and the function `prepare`, which initialises
// their spike queues.
struct Bundle {
    std::vector<int32_t>*pre, *post;
    int32_t* count;
    std::vector<Values> values, blank;
    void (*prepare)(Bundle&, double dt);
    std::vector<double> delays;
    std::vector<Queue> queues;
};
inline std::vector<Bundle> bundles;

// Brian2's clock, and Brian2's flags `running` and `stopped`, which its handler of SIGINT uses.
struct Clock { int64_t* step; double *t, *dt; bool *running, *stopped; };

// Set the folder of the run's files, and the hash of the files that do not change during the run.
void use_folder(const std::string& folder, const std::string& seal);
void run(const std::vector<void (*)()>& objects, Clock clock);  // run all steps of the task
int finish();                                                   // write the final state and return the exit code

}  // namespace ds
