"""One device; two devices are in test_learners.py, where their steps are compared."""

from experiments.language.learning.devices import everywhere, shard
from tests.experiments.language import tiny


def test_one_device_leaves_trees_as_they_are():
    batch = tiny.batch()
    assert shard(batch) is batch
    assert everywhere(batch) is batch
