"""What is begun anew when circumstances change: other options, an index that becomes ready."""

from lsp_server.completion.workspace import Workspace
from tests.completion.test_workspace import CART, Folders, ask, options

BELOW = CART + "\n\n" + "after = 'the cursor'\n" * 20


async def test_other_options_hold_for_what_was_shown_before() -> None:
    workspace = Workspace(Folders())
    before = await ask(workspace, BELOW)
    assert before.hint
    assert before.window.suffix
    small = options(prefix_tokens=16, suffix_tokens=8, hint_tokens=0)
    after = await ask(workspace, BELOW, settings=small)
    assert not after.hint
    assert "#" not in after.context.prefix
    assert sum(len(line) // 4 for line in after.window.suffix) <= 8
    assert (await ask(workspace, BELOW)).context == before.context


async def test_a_line_gets_its_comment_when_the_index_becomes_ready() -> None:
    folders = Folders()
    folders.ready = False
    workspace = Workspace(folders)
    assert not (await ask(workspace, CART)).hint
    folders.ready = True
    assert "get(" in (await ask(workspace, CART.replace("█", "g█"))).hint


async def test_the_same_key_again_does_not_ask_in_vain_again() -> None:
    folders = Folders()
    workspace = Workspace(folders)
    unknown = CART.replace("store.█", "nobody.█")
    assert not (await ask(workspace, unknown)).hint
    # The same generation, so nobody may notice.
    folders.files["shop/nobody.py"] = "class Nobody:\n    pass\n"
    assert not (await ask(workspace, unknown.replace("█", "x█"))).hint
