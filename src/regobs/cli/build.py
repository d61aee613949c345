"""`regobs build`: write everything generated, or say what differs from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from regobs.catalog.model import Flavor
from regobs.config import Config, load_config
from regobs.config.model import DEFAULT_CAPABILITIES
from regobs.errors import ExitCode

PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--out", required=True, type=PATH, metavar="DIR", help="The directory to write; it is replaced as a whole."
)
@click.option("--config", "config_file", type=PATH, metavar="FILE", help="Settings; ./regobs.toml when not given.")
@click.option(
    "--pack", "pack_directory", type=PATH, metavar="DIR", help="Content that adds to or overrides the bundled."
)
@click.option("--flavor", type=click.Choice([str(flavor) for flavor in Flavor]), help="Instead of the configured one.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and show a diff when DIR is not what a build gives.")
def build(out: Path, config_file: Path | None, pack_directory: Path | None, flavor: str | None, *, check: bool) -> int:
    """Write dashboards, provisioning, mixin, rules, rule tests, scrape and alert routing, runbooks, manifest.

    Equal inputs give equal bytes. The directory changes in one step: whatever goes wrong, the old one stays whole.
    """
    from regobs.build import build_files, write_atomically  # noqa: PLC0415 - loads grafanalib; `--help` needs none
    from regobs.pack import find_pack  # noqa: PLC0415

    config = with_flavor(load_config(config_file), flavor)
    pack = find_pack(pack_directory, config)
    files = build_files(config, pack)
    if check:
        return _check(out, files)
    write_atomically(out, files)
    click.echo(f"pack      {pack}")
    click.echo(f"settings  {config.source or 'defaults, there is no regobs.toml'} (flavor {config.flavor})")
    click.echo(f"written   {len(files)} files to {out}")
    return ExitCode.OK


def with_flavor(config: Config, flavor: str | None) -> Config:
    """The configuration for another flavor; its capabilities are that flavor's defaults when it changes."""
    if flavor is None or Flavor(flavor) is config.flavor:
        return config
    wanted = Flavor(flavor)
    return replace(config, flavor=wanted, version=None, capabilities=DEFAULT_CAPABILITIES[wanted])


def _check(out: Path, files: dict[str, bytes]) -> int:
    from regobs.build import compare  # noqa: PLC0415

    differences = compare(out, files)
    for difference in differences:
        click.echo(str(difference))
    if differences:
        click.echo(
            f"{len(differences)} of {len(files)} files in {out} differ; write them with: regobs build --out {out}"
        )
        return ExitCode.DIFFERENCE
    click.echo(f"{len(files)} files in {out} are what a build gives")
    return ExitCode.OK
