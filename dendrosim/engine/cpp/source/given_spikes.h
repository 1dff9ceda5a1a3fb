// Spikes that the task gives to sources: see dendrosim/protocol/given_spikes.py. This file is a part of runtime.cpp.

#pragma once

#include "runtime.h"
#include "task.h"

#include <cstdint>

namespace ds {

void fire(int64_t index, int32_t* events, int64_t units)
{
    Volley& v = task.volleys.at(index);
    const int64_t count = v.steps.size();
    while (v.next < count && v.steps[v.next] < task.step) v.next++;
    int64_t fired = 0;
    for (; v.next < count && v.steps[v.next] == task.step; v.next++)
        for (int64_t i = 0; i < v.repeat; i++)
        {
            const int64_t element = v.elements[v.next] + i;
            if (element < 0 || element >= units || fired == units) fail("a source is given spikes of units that it has not");
            events[fired++] = (int32_t)element;
        }
    events[units] = (int32_t)fired;
}

}  // namespace ds
