"""Messages of `registry database import`, which fills the metadata database from the file system.

Source: container-registry 4.31, registry/datastore/importer.go. A full import writes no component; fields of an outer
step (repository, manifest, layer) stay on the lines of the steps inside it, so each line may have all of them.
"""

from __future__ import annotations

from regobs.logs.messages.message import Match, Message, group, message

_ANY = (
    "repository digest media_type size size_bytes count total type tag_name retry_count non_conformant dry_run "
    "pre_import legacy common_blobs repository_import duration_s last_preimport_date skip_cutoff_date repositories "
    "manifests blobs tags"
)


def _step(text: str, levels: str, required: str = "") -> Message:
    """A line of a step: what it must have, and what it may have besides."""
    own = required.split()
    named = {name.split(":")[0].rstrip("?") for name in own}
    return message(text, levels, " ".join([*own, *(f"{name}?" for name in _ANY.split() if name not in named)]))


_TAG = "repository tag_name count total digest:unread?"
STEPS = group(
    "import",
    "line",
    _step("starting metadata import", "info", "dry_run"),
    _step("metadata import complete", "info", "duration_s"),
    _step("starting repository pre-import", "info", "repository"),
    _step("pre-import complete", "info", "duration_s"),
    _step("pre importing repository", "info", "repository count"),
    _step("repository pre import complete", "info", "repository count duration_s"),
    _step(
        "skipping repository pre import: last pre imported after skip cutoff date",
        "info",
        "repository skip_cutoff_date last_preimport_date",
    ),
    _step("importing repository", "info", "repository"),
    _step("repository import complete", "info", "repository count duration_s"),
    _step("processing tags", "info", "repository total"),
    _step("processing tag", "info", "repository tag_name count total"),
    _step("importing tags", "info", "repository total"),
    _step("importing tag", "info", _TAG),
    _step("importing manifest", "info", "repository digest"),
    _step("importing manifest list", "info", "repository digest"),
    _step("importing manifest referenced in list", "info", "repository digest count total type"),
    _step("pre-importing manifest", "info", "repository digest"),
    _step("pre-importing manifest list", "info", "repository digest"),
    _step("retrying pre import manifest", "info", "retry_count"),
    _step("importing configuration", "info", "repository digest media_type size non_conformant"),
    _step("importing layer", "info", "repository digest media_type size count total"),
    _step("importing all blobs", "info"),
    _step("importing blob", "info", "digest count size"),
    _step("blob import complete", "info", "duration_s"),
    _step("done waiting for slow import test", "debug"),
    _step("done waiting for slow pre import test", "debug"),
)

SKIPPED = group(
    "import",
    "line",
    _step("missing tag link, skipping", "warning", "repository tag_name count digest:unread? error"),
    _step("broken tag link, skipping", "warning", "repository tag_name count digest:unread? error"),
    *(
        _step(text, "warning", "repository error")
        for text in (
            "empty manifest payload, skipping",
            "unknown manifest revision, skipping",
            "unsupported v1 manifest, skipping",
            "broken manifest link, skipping",
            "unsupported manifest digest algorithm, skipping",
            "skipping v1 manifest",
            "skipping v1 manifest import",
            "skipping manifest import",
            "broken configuration layer link, skipping",
            "configuration blob not linked, skipping",
            "broken configuration link, skipping",
            "broken layer link, skipping manifest import",
        )
    ),
    _step("blob is not linked to repository, skipping blob import", "warning", "repository digest"),
    _step("error checking for existence of layer media type", "warning", "media_type error"),
    _step("pre import retry failed", "warning", "retry_count error"),
    _step("error updating last published at", "warning", "repository error"),
    _step("beginning legacy dangling manifests import", "warning"),
    _step("this is the legacy full import method, do not use on production registries", "warning"),
)

FAILED = group(
    "import",
    "line",
    *(
        _step(text, "error", "error")
        for text in (
            "counting table rows",
            "unable to continue import",
            "creating tag",
            "error importing repository",
            "pre importing tagged manifests",
            "committing transaction for final import",
            "failed to commit import statistics to the database",
        )
    ),
)

# What other releases say in an import of one repository, which names its component.
OTHERS = group(
    "import",
    "line",
    message(
        r"[\s\S]*",
        "trace debug info warning error",
        " ".join(f"{name}?" for name in _ANY.split()),
        match=Match.PATTERN,
        when=("component", "importer"),
    ),
)

MESSAGES = (*STEPS, *SKIPPED, *FAILED, *OTHERS)
