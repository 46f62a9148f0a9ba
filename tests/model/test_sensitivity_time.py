"""How long nudging may take: the processor time of this process, never how busy the machine is."""

import os
import time
from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest

from fpcheck.model import sensitivity


def _clock(step: float) -> Iterator[float]:
    return count(0.0, step)


def _untried(
    monkeypatch: pytest.MonkeyPatch, passing: float, worked: float, gradients: bool
) -> tuple[str, ...]:
    """What of three layers is not tried if so much time passes from look to look."""
    import keras

    model = keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(2, name=n) for n in "abc")])
    arrays = [np.ones((1, 2), np.float32)]
    wall, processor = _clock(passing), _clock(worked)
    monkeypatch.setattr(sensitivity, "_gradients", lambda *_: ({}, 1.0))
    monkeypatch.setattr(sensitivity, "_moved", lambda *_: 1.0)
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: next(wall))
        patch.setattr(time, "process_time", lambda: next(processor))
        return sensitivity.reach(model, arrays, 1e-4, gradients).untried


def test_a_busy_machine_leaves_nothing_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _untried(monkeypatch, passing=1e6, worked=0.0, gradients=False) == ()


def test_what_takes_too_much_work_is_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    more = sensitivity.NUDGE_SECONDS * 0.6
    assert _untried(monkeypatch, passing=0.0, worked=more, gradients=True) == ("b", "c")


def test_work_on_all_cores_is_shared_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    more = sensitivity.NUDGE_SECONDS * 1.5
    assert _untried(monkeypatch, passing=0.0, worked=more, gradients=True) == ("a", "b", "c")
    assert _untried(monkeypatch, passing=0.0, worked=more, gradients=False) == ("c",)
