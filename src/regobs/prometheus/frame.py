"""The answer of a query as a pandas data frame, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regobs.errors import MachineError
from regobs.prometheus.answers import column_names

if TYPE_CHECKING:
    import pandas as pd

    from regobs.prometheus.answers import QueryAnswer


def frame(answer: QueryAnswer) -> pd.DataFrame:
    """A row a point: a column for each label, missing where a series has it not, then `time` (UTC) and `value`.

    Labels named `time` or `value` become `label_time` and `label_value`. Native histograms have the value NaN. Raises
    MachineError when pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - a large package of an extra; only data frames pay for it
    except ImportError:
        raise MachineError(
            "data frames need pandas, which is not installed",
            expected="the extra `pandas` of regobs",
            next_step="install it: pip install 'regobs[pandas]'",
        ) from None
    points = [(one.labels, one.time, one.value) for one in answer.samples]
    points += [(one.labels, time, value) for one in answer.ranges for time, value in one.points]
    names = sorted({name for labels, _, _ in points for name in labels})
    columns = {
        column: pd.Series([labels.get(name) for labels, _, _ in points], dtype="string")
        for name, column in column_names(names).items()
    }
    times = pd.to_datetime([round(time * 1000) for _, time, _ in points], unit="ms", utc=True)
    values = pd.Series([value for _, _, value in points], dtype="float64")
    return pd.DataFrame({**columns, "time": times, "value": values})
