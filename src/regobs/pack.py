"""The content: dashboards, alerts, exporter settings and log schemas, as files in layers.

The bundled layer is `regobs/_pack` of an installed wheel, or the root of a checkout. A team's own directory of the same
shape lies over it: a file of the same relative name takes the bundled one's place, any other is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

from regobs.common.closest import closest
from regobs.config import Config
from regobs.errors import Location, PackError

FOLDERS = ("dashboards", "alerts", "exporters", "log_schemas")
BUNDLED = "bundled"

# What a file of a folder must be called to be read at all; anything else in a team's pack is a misspelled name.
_NAMES = {
    "dashboards": ("*.dashboard.py", "*.overlay.jsonnet", "*.libsonnet", "queries/*.query.yaml"),
    "alerts": ("*.slo.yaml", "*.rules.yaml", "*.test.yaml", "routing.yaml", "runbooks/*.md"),
    "exporters": ("*.yaml",),
    "log_schemas": (
        "*.schema.json",
        "queries/*.query.yaml",
        "kibana/*.dashboard.yaml",
        "kibana/environments.yaml",
        "kibana/sessions.yaml",
        "lnav/*.json",
    ),
}
_FREE = ("README.md", "*/README.md", "*.pyc")


@dataclass(frozen=True, slots=True)
class PackFile:
    """One file: where it is, its name relative to its folder (`runbooks/DiskFull.md`), and the layer it is from."""

    path: Path
    name: str
    layer: str

    def read(self) -> str:
        """The text. Raises PackError when it cannot be read as UTF-8."""
        try:
            return self.path.read_text(encoding="utf-8")
        except UnicodeDecodeError as fault:
            value = f"byte {fault.object[fault.start]:#04x} at {fault.start}"
            raise PackError("not UTF-8 text", location=Location(str(self.path)), value=value) from None
        except OSError as fault:
            raise PackError("cannot be read", location=Location(str(self.path)), value=fault.strerror) from None


@dataclass(frozen=True, slots=True)
class Pack:
    """Layers of content, the one that wins last: pairs of a layer's name and its directory."""

    layers: tuple[tuple[str, Path], ...]

    def files(self, folder: str, pattern: str) -> list[PackFile]:
        """The files of a folder that match a glob pattern, by relative name; later layers override earlier ones."""
        found: dict[str, PackFile] = {}
        for layer, root in self.layers:
            for path in (root / folder).glob(pattern):
                name = path.relative_to(root / folder).as_posix()
                if path.is_file() and not any(part.startswith(".") for part in Path(name).parts):
                    found[name] = PackFile(path, name, layer)
        return [found[name] for name in sorted(found)]

    def file(self, folder: str, name: str) -> PackFile:
        """One file by its relative name. Raises PackError when no layer has it."""
        for layer, root in reversed(self.layers):
            path = root / folder / name
            if path.is_file():
                return PackFile(path, name, layer)
        raise PackError(
            f"the pack has no {folder}/{name}",
            value=" and ".join(str(root) for _, root in self.layers),
            expected=f"{folder}/{name} in one of them",
            next_step="reinstall regobs, or add the file to the pack directory",
        )

    def overridden(self) -> list[tuple[str, str]]:
        """The files that are not the bundled ones, as folder and relative name."""
        found = ((folder, file) for folder in FOLDERS for file in self.files(folder, "**/*"))
        return [(folder, file.name) for folder, file in found if file.layer != BUNDLED]

    def __str__(self) -> str:
        return " + ".join(f"{root} ({layer})" for layer, root in self.layers)


def find_pack(explicit: Path | str | None = None, config: Config | None = None) -> Pack:
    """The bundled pack, with the directory given on the command line or else by `pack` in regobs.toml over it.

    Raises PackError when that directory is no pack, or when regobs was installed without its content.
    """
    layers = [(BUNDLED, bundled())]
    if explicit is not None:
        layers.append(("--pack", _own(Path(explicit), "the path given to --pack")))
    elif config is not None and config.pack is not None:
        layers.append((str(config.source), _own(config.pack, f"`pack` in {config.source}")))
    return Pack(tuple(layers))


def bundled() -> Path:
    """The directory of the content that comes with regobs."""
    installed = Path(str(files("regobs"))) / "_pack"
    checkout = Path(__file__).parents[2]
    for root in (installed, checkout):
        if all((root / folder).is_dir() for folder in FOLDERS):
            return root
    raise PackError(
        "regobs was installed without its content",
        value=f"neither {installed} nor {checkout}",
        expected=f"the folders {', '.join(FOLDERS)}",
        next_step="install the wheel of regobs, or run from a whole checkout",
    )


def _own(root: Path, given_by: str) -> Path:
    if not root.is_dir():
        raise PackError(
            "no such pack directory" if not root.exists() else "a pack is a directory, this is a file",
            location=Location(str(root)),
            expected=f"a directory with {', '.join(FOLDERS[:-1])} or {FOLDERS[-1]} in it",
            next_step=f"correct {given_by}",
        )
    present = [folder for folder in FOLDERS if (root / folder).is_dir()]
    if not present:
        inside = sorted(path.name for path in root.iterdir())[:8]
        raise PackError(
            "not a pack directory",
            location=Location(str(root)),
            value=", ".join(inside) or "an empty directory",
            expected=f"at least one of the folders {', '.join(FOLDERS)}",
            next_step=f"correct {given_by}, or create one of the folders",
        )
    for folder in present:
        _refuse_misspelled(root / folder, folder)
    return root


def _refuse_misspelled(directory: Path, folder: str) -> None:
    """A file that no pattern matches would be left out in silence; say so instead."""
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        hidden = any(part.startswith((".", "__")) for part in Path(name).parts)
        if hidden or not path.is_file() or any(fnmatch(name, pattern) for pattern in (*_NAMES[folder], *_FREE)):
            continue
        if (bundled() / folder / name).is_file():
            continue
        suffixes = [pattern.removeprefix("*") for pattern in _NAMES[folder] if pattern.startswith("*")]
        close = closest("." + name.split(".", 1)[-1], suffixes, cutoff=0.3)
        raise PackError(
            f"no part of regobs reads a file of this name in {folder}/",
            location=Location(str(path)),
            value=name,
            expected=" or ".join(_NAMES[folder]),
            next_step=f"let its name end in {close[0]}" if close else "rename it, or move it out of the pack",
        )
