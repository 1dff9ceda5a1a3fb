// Reading of the files of a task, and the ends of a program that cannot go on.

#pragma once

#include "arrays.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace ds {

[[noreturn]] inline void fail(const std::string& what, int code = 70)
{
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(code);
}

// End the program, because a file of a resumed run differs from what was written.
[[noreturn]] inline void fail_damaged(const std::string& how) { fail(how, 71); }

inline const Array& array_at(int64_t id)
{
    if (id < 0 || id >= array_count) fail("the task names an array that the program does not have");
    return arrays[id];
}

struct Reader {
    FILE* file;
    explicit Reader(const std::string& path) : file(std::fopen(path.c_str(), "rb"))
    {
        if (!file) fail("cannot open " + path);
    }
    void bytes(void* to, size_t count)
    {
        if (count && std::fread(to, 1, count, file) != count) fail("the task file is truncated");
    }
    int64_t integer() { int64_t v; bytes(&v, 8); return v; }
    double number() { double v; bytes(&v, 8); return v; }
    template <typename T> std::vector<T> list()
    {
        std::vector<T> v(integer());
        bytes(v.data(), sizeof(T)*v.size());
        return v;
    }
    int64_t array()
    {
        const int64_t id = integer();
        array_at(id);
        return id;
    }
    std::vector<int64_t> arrays()
    {
        const std::vector<int64_t> ids = list<int64_t>();
        for (int64_t id : ids) array_at(id);
        return ids;
    }
    void end()
    {
        if (std::fgetc(file) != EOF) fail("the task file is too long");
        std::fclose(file);
    }
};

}  // namespace ds
