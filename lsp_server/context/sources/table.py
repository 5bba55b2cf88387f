"""The one table of sources: their names, as in the option, and what each adds up to.

The order is that of the option's default and of ties.
"""

from collections.abc import Callable, Mapping

from lsp_server.context.candidate import Candidate, Question
from lsp_server.context.sources import definitions, edits, lines

Source = Callable[[Question], list[Candidate]]
"""Returns candidates, the best first; the same ones for the same question."""

SOURCES: Mapping[str, Source] = {
    "members": definitions.members,
    "imports": definitions.imports,
    "package": definitions.package,
    "names": definitions.names,
    "usages": lines.usages,
    "shared-imports": lines.shared_imports,
    "same-folder": lines.same_folder,
    "similar-names": lines.similar_names,
    "twin": lines.twin,
    "tabs": lines.tabs,
    "edits": edits.edits,
    "similar": lines.similar,
}
