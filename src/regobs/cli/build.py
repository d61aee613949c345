"""`regobs build`: write everything generated, or say what differs from it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from regobs.cli.content import KEEP_NAMES, content, content_options, without_collector
from regobs.common.table import screen, wrapped
from regobs.errors import ExitCode, InputError

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--out", type=PATH, metavar="DIR", help="The directory to write; it is replaced as a whole.")
@content_options
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and show a diff when DIR is not what a build gives.")
@click.option(
    "--against", type=PATH, metavar="OLD", help="Write nothing; say what of an older build is renamed or gone."
)
@KEEP_NAMES
def build(
    *,
    out: Path | None,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    check: bool,
    against: Path | None,
    older: Path | None,
) -> int:
    """Write dashboards, provisioning, mixin, rules, rule tests, scrape and alert routing, runbooks, manifest.

    Equal inputs give equal bytes. The directory changes in one step: whatever goes wrong, the old one stays whole.
    """
    from regobs.build import write_atomically  # noqa: PLC0415 - loads grafanalib; `--help` needs none
    from regobs.build.write import MANIFEST  # noqa: PLC0415
    from regobs.deploy.breaks import build_keeping  # noqa: PLC0415
    from regobs.grafana.variables import Variables  # noqa: PLC0415
    from regobs.grafana.warned import dashboard_warnings  # noqa: PLC0415
    from regobs.slo.missing_tiers import tier_notes  # noqa: PLC0415
    from regobs.slo.warned import pack_warnings  # noqa: PLC0415

    if (out is None) == (against is None):
        raise InputError(
            "one directory has to be named",
            expected="--out DIR, to write or to --check; or --against OLD, to compare",
            next_step="add --out ./out, for example",
        )
    pack, config = content(config_file, pack_directory, flavor)
    with without_collector():
        files = build_keeping(config, pack, older)
    for told in (*pack_warnings(pack), *dashboard_warnings(pack)):
        click.echo(f"Warning: {told}", err=True)
    for told in tier_notes(json.loads(files[MANIFEST])["rules"]["slos"]):
        click.echo(wrapped(told, screen(sys.stderr)), err=True)
    if out is None:
        return _against(against or Path(), files)
    if check:
        return _check(out, files)
    write_atomically(out, files)
    click.echo(f"pack      {pack}")
    click.echo(f"settings  {config.source or 'defaults, there is no regobs.toml'} (flavor {config.flavor})")
    click.echo(f"written   {len(files)} files to {out}")
    unscoped = Variables.of(config).unscoped_neighbours(config.capabilities, config.flavor)
    if unscoped:
        click.echo(
            f"note      of {', '.join(unscoped)} everything is shown that Prometheus scrapes, also of neighbours; "
            "[prometheus.selectors] in regobs.toml chooses this registry's"
        )
    return ExitCode.OK


def _against(old: Path, files: dict[str, bytes]) -> int:
    """What an upgrade from a build to this one takes away."""
    from regobs.deploy.breaks import read_build, upgrade_breaks  # noqa: PLC0415

    found = upgrade_breaks(read_build(old), files)
    for one in found:
        click.echo(str(one))
    if found:
        click.echo(f"{len(found)} names of {old} are renamed or gone")
        return ExitCode.DIFFERENCE
    click.echo(f"nothing is renamed or gone since {old}")
    return ExitCode.OK


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
