"""A simulator of softmax policies with exactly controlled feature coherence, pass rates and reward deviation.

The table of contents is `__init__.pyi`: a name is imported when it is first asked for.
"""

import lazy_loader as _lazy

import curvature as _curvature  # noqa: F401  (64 bits)

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
