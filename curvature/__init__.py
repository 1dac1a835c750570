"""Exact local curvature, certificates and rates of softmax policies under RL updates, in float64.

JAX computes in float32 unless told otherwise, which is too coarse for the theory: importing this package switches JAX
to 64 bits, unless the environment variable JAX_ENABLE_X64 says what you want; where JAX is not imported yet, it sets
that variable. The table of contents is `__init__.pyi`: a name, and JAX with it, is imported when it is first asked for.
"""

import os as _os
import sys as _sys

import lazy_loader as _lazy

if "JAX_ENABLE_X64" not in _os.environ:
    if "jax" in _sys.modules:
        _sys.modules["jax"].config.update("jax_enable_x64", True)
    else:
        _os.environ["JAX_ENABLE_X64"] = "true"  # which JAX reads when it is imported

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
