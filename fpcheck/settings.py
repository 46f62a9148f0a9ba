"""`fpcheck.yaml`: which golden a model file is compared with, and how it is loaded."""

from fnmatch import fnmatch
from pathlib import Path

import msgspec

from fpcheck.codec import Value
from fpcheck.golden import strict_yaml

FILE = "fpcheck.yaml"


class ModelSettings(Value, frozen=True):
    """What the configuration says about the files that match a pattern."""

    golden: str
    preprocess: str | None = None
    model: str | None = None
    custom_objects: str | None = None
    trust: bool = False
    tolerance: str | None = None


class Settings(Value, frozen=True):
    """The whole configuration; patterns are relative to the folder that it lies in.

    Attributes:
        models: pattern (`models/*.keras`) to settings.
        ignore: patterns of model files that the gate does not look at.
        goldens: the folder of goldens.
    """

    models: dict[str, ModelSettings] = msgspec.field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    goldens: str | None = None


class Located(Value, frozen=True):
    """A configuration and the folder that it lies in."""

    settings: Settings
    folder: Path

    def of(self, path: Path) -> ModelSettings | None:
        """What it says of a file; the first pattern that fits counts."""
        name = self._relative(path)
        fitting = (s for pattern, s in self.settings.models.items() if fnmatch(name, pattern))
        return next(fitting, None)

    def ignores(self, path: Path) -> bool:
        """Whether the gate does not look at a file."""
        name = self._relative(path)
        return any(fnmatch(name, pattern) for pattern in self.settings.ignore)

    def files(self) -> list[Path]:
        """Every existing file that the configuration names."""
        found = (p for pattern in self.settings.models for p in self.folder.glob(pattern))
        return sorted({path for path in found if path.is_file()})

    def _relative(self, path: Path) -> str:
        whole = path.resolve()
        inside = whole.is_relative_to(self.folder)
        return whole.relative_to(self.folder).as_posix() if inside else whole.as_posix()


def locate(start: Path) -> Located:
    """The nearest configuration from a folder up, or an empty one; FpcheckError if it is wrong."""
    start = start.resolve()
    for folder in (start, *start.parents):
        path = folder / FILE
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            said = any(line.strip() and not line.startswith("#") for line in text.splitlines())
            settings = strict_yaml.load(text, Settings, str(path)) if said else Settings()
            return Located(settings, folder)
    return Located(Settings(), start)
