"""The `cuda` back end: Brian2CUDA's code generation, dense operations by cuBLAS, and its own run loop.

The program reads the same task file and writes the same files as a program of back end `cpp`. All data stay on the
GPU. Only recordings, spikes and, in every hundredth step, the result of the check for non-finite numbers are
copied to the host. If a circuit uses the inverse of a matrix, the host also waits for one number per step while
that matrix does not change.

`-use_fast_math`, which Brian2CUDA sets by default, is off: with this option, `tanhf` is wrong by up to 5e-4,
divisions and exponentials lose digits, and the only loops that become faster wait for memory anyway. Products of
matrices in single precision are computed in single precision (no TF32).
"""
