"""The `cuda` back end: Brian2CUDA's code generation, dense operations by cuBLAS, and a run loop of our own.

The program reads the same task file and leaves the same files as that of the `cpp` back end. Everything stays on
the GPU between recordings: one stream, one cuBLAS handle, no copy and no waiting in a step. Only where the inverse
of a matrix is used that could learn and does not, the host waits for one number in each step.

`-use_fast_math`, which Brian2CUDA sets by default, is off: its `tanhf` is wrong by up to 5e-4, its division and
exponential lose digits, and the loops that it would speed up wait for memory anyway. Products of matrices in
single precision are computed in single precision (no TF32).
"""
