"""What `regobs lint` says of the objects of a plan: what it calls an error is not rolled out."""

from __future__ import annotations

from regobs.deploy.plan_file import TargetPlan
from regobs.errors import InputError
from regobs.lint import LintContext, Severity
from regobs.lint.engine import lint_files
from regobs.lint.read import read_text

_YAML = (".yaml", ".yml")
_SHOWN = 3  # findings in an error


def refuse_findings(plan: TargetPlan) -> None:
    """Raise InputError for rules, dashboards and routes of a plan that lint calls an error; all of them together."""
    context = LintContext()
    files = []
    for name, content in sorted(plan.objects.items()):
        file = read_text(content.decode(errors="replace"), name, ".yaml" if name.endswith(_YAML) else ".json", context)
        file.pass_over_unknown()
        files.append(file)
    found = [one for one in lint_files(files, context).findings if one.severity is Severity.ERROR]
    if found:
        said = [f"{one.file}:{one.line} {one.check}: {one.what}" for one in found[:_SHOWN]]
        more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InputError(
            f"[deploy.{plan.target}]: regobs lint refuses what would be deployed",
            value="; ".join(said) + more,
            expected="nothing that it calls an error",
            next_step="correct the pack, or give --allow-findings; nothing was changed",
        )
