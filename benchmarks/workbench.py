"""What the rows share: model files, goldens, and the commands that are held against each other."""

import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from benchmarks import timing
from benchmarks.timing import Command, Run

HERE = Path(__file__).parent
PEERS = HERE / "peers"
# The command beside this Python, as users start it.
FPCHECK = str(Path(sys.executable).with_name("fpcheck"))
# How large the files become; enough to refuse a disk that is too small.
BYTES = {
    "vgg16.h5": 560_000_000,
    "resnet50.keras": 110_000_000,
    "small.keras": 2_000_000,
    "large.h5": 10_200_000_000,
}


class NotMeasuredError(Exception):
    """A row cannot be measured on this machine; the text says why."""


class Workbench:
    """A folder with everything that is measured, made when first asked for.

    Args:
        folder: where; what was left there by an earlier run is used again, but for goldens.
        repeat: how often a pair of commands is timed.
        say: where progress goes.
    """

    def __init__(self, folder: Path, repeat: int, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.repeat = repeat
        self.say = say
        self.goldens = folder / "goldens"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.goldens, ignore_errors=True)

    @cache  # noqa: B019  # there is one workbench, and it lives as long as the process
    def model(self, name: str) -> Path:
        """The file of a model of `models.py`."""
        path = self.folder / name
        if not path.exists():
            self._make_room(BYTES[name])
            self.say(f"making {name}")
            self.run(script("models.py", name, str(self.folder)))
        return path

    @cache  # noqa: B019
    def copy(self, name: str) -> Path:
        """A second file with the same bytes."""
        path = self.folder / f"copy-{name}"
        original = self.model(name)
        self._make_room(BYTES[name])
        shutil.copyfile(original, path)
        return path

    @cache  # noqa: B019
    def golden(self, name: str, *options: str) -> Path:
        """The golden of a model, recorded by fpcheck itself: its YAML file."""
        path = self.model(name)
        self.say(f"recording a golden of {name}")
        self.run(self._record(path, self.goldens, *options))
        return self.goldens / path.stem / "1.yaml"

    def compare(self, name: str, *options: str, recorded: tuple[str, ...] = ()) -> Command:
        """Compare a model with its golden.

        Args:
            name: of the model.
            options: of the comparison.
            recorded: options with which the golden is recorded.
        """
        self.golden(name, *recorded)
        path = self.model(name)
        return Command(
            [
                FPCHECK,
                "compare",
                str(path),
                *options,
                "--golden",
                path.stem,
                "--goldens",
                str(self.goldens),
                "--format",
                "json",
            ]
        )

    def record(self, name: str, *options: str) -> Command:
        """Record a model as a new golden, each time into an empty folder."""
        folder = self.folder / "recorded"
        command = self._record(self.model(name), folder, *options)
        return Command(command.argv, lambda: shutil.rmtree(folder, ignore_errors=True))

    def run(self, command: Command) -> None:
        """Run a command once, off the clock."""
        timing.run(command, self.folder)

    def race(self, *commands: Command, times: int = 1) -> list[Run]:
        """The medians of commands run in turn; `times` as often as usual, where they are short."""
        return timing.interleaved(commands, self.repeat * times, self.folder)

    def _record(self, path: Path, goldens: Path, *options: str) -> Command:
        return Command(
            [FPCHECK, "record", str(path), path.stem, *options, "--goldens", str(goldens)]
        )

    def _make_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise NotMeasuredError(
                f"it needs {needed / 1e9:.1f} GB of disk, {free / 1e9:.1f} are free"
            )


def python(*arguments: str) -> Command:
    """A command of this Python."""
    return Command([sys.executable, *arguments])


def script(name: str, *arguments: str) -> Command:
    """A script of this folder."""
    return python(str(HERE / name), *arguments)


def tool(name: str, *arguments: str) -> Command:
    """A program of the system.

    Raises:
        NotMeasuredError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise NotMeasuredError(f"{name} is not installed")
    return Command([found, *arguments])
