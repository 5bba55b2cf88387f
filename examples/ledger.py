"""A small double-entry ledger: accounts, entries that balance, and reports.

It is an example to complete in and the file that `benchmarks/latency.py` types into.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal


class UnbalancedEntry(Exception):
    """The debits and credits of an entry differ."""

    def __init__(self, entry: "Entry") -> None:
        self.entry = entry
        super().__init__(f"{entry.text}: debits and credits differ by {entry.balance()}")


@dataclass(frozen=True)
class Account:
    """A place where money is."""

    number: int
    name: str
    is_asset: bool = True


@dataclass(frozen=True)
class Posting:
    """An amount that is added to one account."""

    account: Account
    amount: Decimal


@dataclass
class Entry:
    """Postings that belong together."""

    day: date
    text: str
    postings: list[Posting] = field(default_factory=list)

    def post(self, account: Account, amount: Decimal) -> "Entry":
        self.postings.append(Posting(account, amount))
        return self

    def balance(self) -> Decimal:
        return sum((posting.amount for posting in self.postings), Decimal(0))


class Ledger:
    """All entries of a year."""

    def __init__(self, year: int) -> None:
        self.year = year
        self._accounts: dict[int, Account] = {}
        self._entries: list[Entry] = []

    def open_account(self, number: int, name: str, *, is_asset: bool = True) -> Account:
        if number in self._accounts:
            raise ValueError(f"account {number} exists already")
        account = Account(number, name, is_asset)
        self._accounts[number] = account
        return account

    def add(self, entry: Entry) -> None:
        """Take in an entry that balances and belongs to this year."""
        if entry.balance() != 0:
            raise UnbalancedEntry(entry)
        if entry.day.year != self.year:
            raise ValueError(f"{entry.day} is not in {self.year}")
        self._entries.append(entry)

    def entries(self, account: Account | None = None) -> Iterator[Entry]:
        """Yield entries in the order of their days, perhaps only those of one account."""
        for entry in sorted(self._entries, key=lambda entry: entry.day):
            if account is None or any(item.account == account for item in entry.postings):
                yield entry

    def balances(self) -> dict[Account, Decimal]:
        """Return the balance of every account that was used."""
        balances: dict[Account, Decimal] = defaultdict(Decimal)
        for entry in self._entries:
            for posting in entry.postings:
                balances[posting.account] += posting.amount
        return dict(balances)

    def net_worth(self) -> Decimal:
        return sum(
            (amount for account, amount in self.balances().items() if account.is_asset),
            Decimal(0),
        )


def monthly_totals(entries: Iterable[Entry]) -> dict[int, Decimal]:
    """Return the sum of all positive postings by month."""
    totals: dict[int, Decimal] = defaultdict(Decimal)
    for entry in entries:
        for posting in entry.postings:
            if posting.amount > 0:
                totals[entry.day.month] += posting.amount
    return dict(totals)


def report(ledger: Ledger) -> str:
    """Return a table of all balances, assets first."""
    rows = []
    balances = ledger.balances()
    for account in sorted(balances, key=lambda account: (not account.is_asset, account.number)):
        rows.append(f"{account.number:>6}  {account.name:<30}{balances[account]:>12.2f}")
    rows.append(f"{'':>6}  {'net worth':<30}{ledger.net_worth():>12.2f}")
    return "\n".join(rows)
