"""`regobs build`: write everything generated, or say what differs from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import KEEP_NAMES, content, content_options, without_collector
from regobs.cli.said import say
from regobs.common.counts import are, counted
from regobs.errors import ExitCode, InputError

if TYPE_CHECKING:
    from regobs.build import FileDifference
    from regobs.config import Config
    from regobs.deploy.breaks import UpgradeBreak
    from regobs.pack import Pack

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--out", type=PATH, metavar="DIR", help="The directory to write; it is replaced as a whole.")
@content_options
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and show a diff when DIR is not what a build gives.")
@click.option(
    "--against", type=PATH, metavar="OLD", help="Write nothing; say what of an older build is renamed or gone."
)
@KEEP_NAMES
@click.option("--all-warnings", is_flag=True, help="Name each place of your pack, not one of each kind.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def build(
    *,
    out: Path | None,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    check: bool,
    against: Path | None,
    older: Path | None,
    all_warnings: bool,
    shape: str,
) -> int:
    """Write dashboards, provisioning, mixin, rules, rule tests, scrape and alert routing, runbooks, manifest.

    Equal inputs give equal bytes. The directory changes in one step: whatever goes wrong, the old one stays whole.
    """
    from regobs.build import write_atomically  # noqa: PLC0415 - loads grafanalib; `--help` needs none
    from regobs.build.write import MANIFEST  # noqa: PLC0415
    from regobs.deploy.breaks import build_keeping  # noqa: PLC0415
    from regobs.grafana.warned import dashboard_warnings  # noqa: PLC0415
    from regobs.slo.missing_tiers import tier_notes  # noqa: PLC0415
    from regobs.slo.warned import pack_warnings  # noqa: PLC0415
    from regobs.slo.warning_kinds import one_of_each_kind  # noqa: PLC0415

    if (out is None) == (against is None):
        raise InputError(
            "one directory has to be named",
            expected="--out DIR, to write or to --check; or --against OLD, to compare",
            next_step="add --out ./out, for example",
        )
    pack, config = content(config_file, pack_directory, flavor)
    with without_collector():
        files = build_keeping(config, pack, older)
    manifest = json.loads(files[MANIFEST])
    warnings = (*pack_warnings(pack, config), *dashboard_warnings(pack, config))
    shown = warnings if all_warnings or shape == "json" else one_of_each_kind(warnings)
    doubts = [f"Warning: {told}" for told in shown]
    made = _Build(pack, config, files, (*doubts, *tier_notes(manifest["rules"]["slos"])), _unselected(manifest))
    if shape == "text":
        for told in made.told:
            say(told, err=True)
    if out is None:
        return _against(against or Path(), made, shape)
    if check:
        return _check(out, made, shape)
    write_atomically(out, files)
    if shape == "json":
        made.show(written=True)
    else:
        _written(out, made)
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Build:
    """What a build gives: its files, and what is to be told of its inputs."""

    pack: Pack
    config: Config
    files: dict[str, bytes]
    told: tuple[str, ...]
    unselected: str = ""

    def show(
        self,
        *,
        written: bool = False,
        differences: Iterable[FileDifference] = (),
        breaks: Iterable[UpgradeBreak] = (),
    ) -> None:
        """Print it as JSON."""
        data = {
            "pack": str(self.pack),
            "settings": str(self.config.source) if self.config.source else None,
            "flavor": self.config.flavor,
            "files": len(self.files),
            "written": written,
            "differences": [{"file": one.name, "state": one.state, "diff": list(one.lines)} for one in differences],
            "breaks": [one.as_data() for one in breaks],
            "told": [*self.told, *([f"Note: {self.unselected}"] if self.unselected else [])],
        }
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _written(out: Path, made: _Build) -> None:
    config = made.config
    click.echo(f"pack      {made.pack}")
    click.echo(f"settings  {config.source or 'defaults, there is no regobs.toml'} (flavor {config.flavor})")
    click.echo(f"written   {counted(len(made.files), 'file')} to {out}")
    if made.unselected:
        say(f"note      {made.unselected}")


def _unselected(manifest: dict[str, Any]) -> str:
    """Of which neighbours dashboards and alerts take everything, and what to do; "" where all are chosen."""
    names = ", ".join(manifest["unselected"])
    return names and (
        f"of {names} everything that Prometheus scrapes is shown, and alerts fire for all of it, also for what is not "
        "this registry's; [prometheus.selectors] in regobs.toml chooses"
    )


def _against(old: Path, made: _Build, shape: str) -> int:
    """What an upgrade from a build to this one takes away."""
    from regobs.deploy.breaks import read_build, upgrade_breaks  # noqa: PLC0415

    found = upgrade_breaks(read_build(old), made.files)
    if shape == "json":
        made.show(breaks=found)
    else:
        for one in found:
            say(str(one))
        count = len(found)
        click.echo(f"{counted(count, 'name')} of {old} {are(count)} renamed or gone" if found else
                   f"nothing is renamed or gone since {old}")  # fmt: skip
    return ExitCode.DIFFERENCE if found else ExitCode.OK


def _check(out: Path, made: _Build, shape: str) -> int:
    from regobs.build import compare  # noqa: PLC0415

    differences = compare(out, made.files)
    if shape == "json":
        made.show(differences=differences)
        return ExitCode.DIFFERENCE if differences else ExitCode.OK
    for difference in differences:
        click.echo(str(difference))
    if differences:
        told = (
            f"{len(differences)} of {len(made.files)} files in {out} differ; write them with: regobs build --out {out}"
        )
        click.echo(told)
        return ExitCode.DIFFERENCE
    click.echo(f"{len(made.files)} files in {out} are what a build gives")
    return ExitCode.OK
