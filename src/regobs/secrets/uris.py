"""Secrets out of what is logged.

A query keeps the values of the parameters that the registry's own API documents and that carry no secret; every other
value is masked. A list of what to keep can not be outwitted by a new name, another case or another encoding, which a
list of what to mask can. (The real registry logs the `_state` of uploads unmasked; that is not copied.)
"""

from __future__ import annotations

import re

from regobs.secrets.decoding import unquoted
from regobs.secrets.mask import MASK
from regobs.secrets.names import is_secret

# OCI Distribution 1.1, GitLab registry API v1, token servers of registries, pages, Grafana.
HARMLESS = frozenset(
    {
        *("n", "last", "before", "digest", "mount", "from", "artifactType", "size", "sort", "name", "name_exact"),
        *("referrers", "referrer_type", "dry_run", "exclude_size", "service", "scope", "page", "per_page", "limit"),
        *("offset", "order", "order_by", "to", "orgId", "list-type", "max-keys", "prefix", "delimiter", "version"),
    }
)
# Also of texts that are still templates of Prometheus or Grafana: `to=now{{ with`, `from=${__from}`.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/+, {}$-]{0,300}", re.ASCII).fullmatch
# A variable of Grafana in a link, whose value is none yet: `var-job=$job`, `var-job={{ .job }}`.
_VARIABLE = re.compile(r"\$[A-Za-z_]\w*+|\$\{[A-Za-z_][\w:]*+\}?|\{\{[-$\w.]*+(?:\}\})?", re.ASCII).fullmatch
_STRANGE = re.compile(r"[%;@=\\]").search  # in a path of the API none of these stands
_HIDDEN = re.compile(r"[?#;=]").search


def redacted_uri(uri: str) -> str:
    """A request URI or a URL (Referer) without secrets: no userinfo, no fragment, only harmless query values."""
    start, at = uri.find("//"), uri.rfind("@")
    if 0 <= start < at:  # to the last @, because a password may hold a raw slash
        if "?" in uri[start:at] or "#" in uri[start:at]:  # a password too, or a query with an @ in it
            return f"{uri[:start]}//{MASK}"
        uri = f"{uri[:start]}//{MASK}{uri[at:]}"
    rest, _, _ = uri.partition("#")
    path, mark, query = rest.partition("?")
    if _STRANGE(path):
        path = _path(path)
    return f"{path}{mark}{'&'.join(_pair(pair) for pair in query.split('&'))}" if query else path


def _path(path: str) -> str:
    """A path as it is; without what is behind an encoded question mark, a parameter of it, or before an @."""
    plain = unquoted(path).replace("\\", "/")
    head, at, rest = plain.rpartition("@")
    if at and head != f"//{MASK}" and not head.endswith(f"://{MASK}"):
        return f"{MASK}@{_path(rest)}"
    found = _HIDDEN(plain)
    if found is None:
        return path
    return f"{plain[: found.start()]}{found[0]}{MASK}"


def _pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if name in HARMLESS and (not equals or _PLAIN(unquoted(value))):
        return pair
    if name.startswith("var-") and not is_secret(name) and _VARIABLE(value):
        return pair
    # The name of an unknown parameter may itself be the secret (`?token`), so only a plain word is kept.
    shown = name if equals and len(name) <= 32 and name.replace("-", "").replace("_", "").isalnum() else MASK
    return f"{shown}={MASK}" if equals else pair and MASK
