// Interrupts (SIGINT), which end a program after the current step.

#pragma once

#include <atomic>
#include <csignal>
#include <pthread.h>

namespace ds {

inline std::atomic<bool> interrupted{false};

// From now to the end of the process, an interrupt only sets `interrupted`, so that the program always ends in order,
// with complete files. This replaces Brian2's handler, which kills the program before and after the loop of steps. The
// process starts with SIGINT blocked; an interrupt that came before waits until here.
inline void receive_interrupts()
{
    std::signal(SIGINT, [](int) { interrupted = true; });
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace ds
