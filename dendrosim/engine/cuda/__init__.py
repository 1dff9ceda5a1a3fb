"""The `cuda` back end: Brian2CUDA's code generation, dense operations by cuBLAS, and its own run loop.

The program reads the same task file and leaves the same files as that of the `cpp` back end. Everything stays on
the GPU between recordings: one stream, one cuBLAS handle, no copy and no waiting in a step. There is one
exception: if a circuit uses the inverse of a matrix whose plasticity is off, the host waits for one number per
step.

`-use_fast_math`, which Brian2CUDA sets by default, is off: its `tanhf` is wrong by up to 5e-4, its division and
exponential lose digits, and the loops that it would speed up wait for memory anyway. Products of matrices in
single precision are computed in single precision (no TF32).
"""
