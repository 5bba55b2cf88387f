"""Keep track of what is in stock. A small file to try completions on."""

from dataclasses import dataclass, field


@dataclass
class Item:
    name: str
    price: float
    quantity: int = 0

    def total(self) -> float:
        return self.price * self.quantity


@dataclass
class Inventory:
    items: dict[str, Item] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        if item.name in self.items:
            self.items[item.name].quantity += item.quantity
        else:
            self.items[item.name] = item

    def value(self) -> float:
        return sum(item.

    def missing(self) -> list[str]:
        """Return the names of all items that are sold out."""
        return [name for name, item in self.items.items() if item.quantity == 0]
