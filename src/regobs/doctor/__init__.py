"""Doctor: what is empty on a live Prometheus, why, and what to change.

`examine` asks a server every query and rule of a pack and returns a `DoctorReport`; `diagnose` is the pure part of it.
"""

from regobs.doctor.diagnose import diagnose, judge
from regobs.doctor.examine import examine, examine_questions
from regobs.doctor.facts import Deployment, ServerFacts
from regobs.doctor.proposal import proposed
from regobs.doctor.report import DoctorReport
from regobs.doctor.table import text
from regobs.doctor.verdict import Status, Verdict

__all__ = [
    "Deployment",
    "DoctorReport",
    "ServerFacts",
    "Status",
    "Verdict",
    "diagnose",
    "examine",
    "examine_questions",
    "judge",
    "proposed",
    "text",
]
