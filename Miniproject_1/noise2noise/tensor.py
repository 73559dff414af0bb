"""The tensor type, for annotations and checks, by what the second miniproject may import.

In the repository a stub, `tensor.pyi`, tells type checkers the same. This file lies in both
miniprojects, byte for byte the same, because neither may import the other.
"""

from torch import empty

Tensor = type(empty(0))
