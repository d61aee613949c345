"""The charting library: vl-convert, which carries the Vega libraries and draws pictures with them."""

from __future__ import annotations

from types import ModuleType

from regobs.errors import MachineError
from regobs.snapshot.charts import VEGALITE


def vl_convert() -> ModuleType:
    """The module; imported here alone, because a snapshot is the only thing that needs it. Raises MachineError."""
    try:
        import vl_convert as module  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MachineError(
            "the package that draws charts is missing",
            value="vl-convert-python",
            next_step="install it: pip install 'regobs[snapshot]'",
        ) from error
    return module


def bundle(script: str) -> str:
    """A script with Vega, Vega-Lite and Vega-Embed before it, in one text that needs nothing else."""
    bundled: str = vl_convert().javascript_bundle(script, vl_version=VEGALITE)
    return bundled.replace("</script", "<\\/script").replace("<!--", "<\\!--")
