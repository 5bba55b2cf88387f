"""Install the editors that the tests drive into ~/.cache/fimbul-editors.

    python -m tests.editors.install [EDITOR …]

Without names, all of them. What is there and whole is left alone. What cannot be had is said, the
exit status is 1 then, and the tests that need it are skipped with the reason.
"""

import sys
from collections.abc import Callable, Mapping, Sequence

from tests.editors import install_neovim, install_vscode

EDITORS: Mapping[str, Callable[[], int]] = {
    "neovim": install_neovim.main,
    "vscode": install_vscode.main,
}


def main(names: Sequence[str]) -> int:
    """Install the named editors, or all; one that fails does not keep the next from coming."""
    unknown = [name for name in names if name not in EDITORS]
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. There are: {', '.join(EDITORS)}.", file=sys.stderr)
        return 2
    return max(EDITORS[name]() for name in names or EDITORS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
