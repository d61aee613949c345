"""Doctor: what is empty on a live Prometheus, why, and what to change.

`examine` asks a server every query and rule of a pack and returns a `Report`; `diagnose` is the pure part of it.
"""

from regobs.doctor.diagnose import diagnose, judge
from regobs.doctor.examine import examine, examine_questions
from regobs.doctor.facts import Deployment, ServerFacts
from regobs.doctor.report import Report
from regobs.doctor.table import text
from regobs.doctor.verdict import Status, Verdict

__all__ = [
    "Deployment",
    "Report",
    "ServerFacts",
    "Status",
    "Verdict",
    "diagnose",
    "examine",
    "examine_questions",
    "judge",
    "text",
]
