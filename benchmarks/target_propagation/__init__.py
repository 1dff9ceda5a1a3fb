"""An independent loop that trains the networks of `tp_student_teacher`, for `benchmarks/robustness.py`."""
