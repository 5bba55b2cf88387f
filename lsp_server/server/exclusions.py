"""What the editor excludes, which fimbul then leaves alone, too.

An editor sends it in our section of its settings, beside the options, so that no option has to be
set for it: a list of patterns, or an object as in VS Code's ``files.exclude``. It only ever adds
to what is off.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lsp_server.config.layers import WORKSPACE_MAY, Layer
from lsp_server.privacy.editor_globs import ignore_patterns

KEY = "editorExclude"
"""Name of it in our section."""


def editor_layers(editor: Sequence[Mapping[str, Any]]) -> list[Layer]:
    """Return the layers for what the editor sent, later ones stronger, its exclusions last.

    Of those only the latest that it sent count.
    """
    layers = [
        Layer(
            "The editor's settings",
            {key: value for key, value in values.items() if key != KEY},
            from_editor=True,
        )
        for values in editor
    ]
    sent = [values[KEY] for values in editor if KEY in values]
    patterns = ignore_patterns(sent[-1]) if sent else ()
    if patterns:
        values = {"privacy": {"off_paths": list(patterns)}}
        layers.append(Layer("The editor's exclusions", values, WORKSPACE_MAY))
    return layers
