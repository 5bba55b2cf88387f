"""Which copies of KV caches are kept and gone back to."""

from lsp_server.inference.states import SavedState, SavedStates


def state(tokens: range, size: int = 10) -> SavedState:
    return SavedState(tuple(tokens), bytearray(size))


def test_the_copy_that_shares_most_is_found() -> None:
    states = SavedStates(limit=100, worth=10)
    for length in (40, 60, 50):
        states.add(SavedState((*range(length), -length), bytearray(10)))
    found = states.find(range(100), live=0)
    assert found is not None
    assert found.tokens[-1] == -60
    assert states.shared(range(100)) == 60


def test_a_copy_that_spares_too_little_is_not_gone_back_to() -> None:
    states = SavedStates(worth=10)
    assert states.find(range(100), live=0) is None
    states.add(state(range(50)))
    assert states.find(range(100), live=41) is None
    assert states.find(range(100), live=40) is not None


def test_what_is_saved_already_is_not_worth_saving() -> None:
    states = SavedStates(worth=10)
    assert not states.is_worth_saving(range(50), live=41)
    assert states.is_worth_saving(range(50), live=40)
    states.add(state(range(45)))
    assert not states.is_worth_saving(range(50), live=0)
    assert states.is_worth_saving(range(55), live=0)


def test_the_one_that_was_not_used_for_longest_goes_first() -> None:
    states = SavedStates(limit=30, worth=10)
    for start in (0, 1000, 2000):
        states.add(state(range(start, start + 50)))
    assert states.size == 30
    assert states.find(range(50), live=0) is not None
    states.add(state(range(3000, 3050)))
    assert states.size == 30
    assert [states.shared(range(start, start + 50)) for start in (0, 1000, 2000, 3000)] == [
        50,
        0,
        50,
        50,
    ]


def test_one_that_is_larger_than_the_limit_drives_nothing_out() -> None:
    states = SavedStates(limit=30)
    states.add(state(range(50)))
    states.add(state(range(1000, 1050), size=31))
    assert (len(states), states.size) == (1, 10)


def test_a_copy_takes_the_place_of_those_it_stands_in_for() -> None:
    states = SavedStates(worth=10)
    states.add(state(range(50)))
    states.add(state(range(60)))
    assert len(states) == 1
    # The tail of this one differs by too much to be done again.
    states.add(SavedState((*range(30), *range(100, 130)), bytearray(10)))
    assert len(states) == 2
    states.clear()
    assert states.size == 0


def test_without_room_nothing_is_worth_saving() -> None:
    states = SavedStates(limit=0, worth=1)
    assert not states.is_worth_saving([1, 2, 3], live=0)
    states.add(SavedState((1, 2, 3), bytearray(10)))
    assert len(states) == 0


def test_copies_made_under_another_adapter_are_passed_over_and_kept() -> None:
    states = SavedStates(limit=100, worth=10)
    states.add(state(range(50)))
    states.adapter = "mine"
    assert states.shared(range(50)) == 0
    assert states.find(range(50), live=0) is None
    states.add(SavedState(tuple(range(50)), bytearray(10), "mine"))
    assert len(states) == 2, "the same tokens under two adapters are two things"
    states.adapter = ""
    assert states.shared(range(50)) == 50
