"""What stands left of the dot, and which call is open."""

import pytest

from lsp_server.context.expressions import open_call, receiver_at
from lsp_server.text import split_lines

RECEIVERS = [
    ("python", "self.client.get('a').va█", "self.client.get() . va"),
    ("python", "self.█", "self ."),
    ("python", "x = await foo.bar█", "foo . bar"),
    ("python", "return foo[0].bar(1, (2))[3].█", "foo[].bar()[] ."),
    ("python", "(await self.get()).na█", "(await self.get()) . na"),
    ("python", "print(match.█", "match ."),
    ("python", "for x in self.█", "self ."),
    ("python", "f'{self.cl█", "self . cl"),
    ("python", "f'{a} and {self.cl█", "self . cl"),
    ("python", "'{self.cl█", "self . cl"),
    ("python", "'say self.cl█", None),
    ("python", "# see self.cl█", None),
    ("python", "x = 1.█", None),
    ("python", "'a'.█", None),
    ("python", "'a.b'.join(self.█", "self ."),
    ("python", "[1, 2].█", None),
    ("python", "(a + b).█", None),
    ("python", "...█", None),
    ("python", "import os.pa█", None),
    ("python", "from .█", None),
    ("python", "plain█", None),
    ("python", "if not(self.a).█", "(self.a) ."),
    ("python", "super().__init__().█", "super().__init__() ."),
    ("python", "(\n    query\n    .filter(x)\n    .█", "query.filter() ."),
    ("typescript", "const a = this.client?.get<Foo>(x)!.na█", "this.client?.get()? . na"),
    ("typescript", "foo(...this.█", "this ."),
    ("typescript", "`${this.na█", "this . na"),
    ("typescript", "`${a} this.na█", None),
    ("typescript", "(x as Foo).█", "(x as Foo) ."),
    ("typescript", "items.map((i) => i.█", "i ."),
    ("typescript", "new Foo(1).█", "Foo() ."),
    ("typescript", "client\n  .get(1) // first\n  .then(a)\n  .█", "client.get().then() ."),
    ("typescript", "this.#store.█", "this.#store ."),
    ("javascript", "// this.█", None),
    ("javascript", "/* this.█", None),
    ("go", "c.store.Get(ctx).█", "c.store.Get() ."),
    ("go", "x.(*Foo).█", "x as *Foo ."),
    ("go", "&Foo{a: 1}.█", None),
    ("rust", "self.store.lock().unwrap().█", "self.store.lock().unwrap() ."),
    ("rust", "foo()?.█", "foo()? ."),
    ("rust", "client.get().await?.█", "client.get().await? ."),
    ("rust", "Foo::█", "Foo ::"),
    ("rust", "Foo::<T>::ne█", "Foo :: ne"),
    ("rust", "crate::store::Foo::█", "crate.store.Foo ::"),
    ("rust", "0..self.█", "self ."),
    ("rust", "0..█", None),
    ("rust", "fn a<'a>(x: &'a str) { x.█", "x ."),
    ("rust", "println!(\"{}\", self.█", "self ."),
    ("rust", "vec![1].█", None),
    ("java", "this.items.get(0).█", "this.items.get() ."),
    ("java", "((Foo) bar).█", "(bar as Foo) ."),
    ("java", "char c = 'x'; foo.█", "foo ."),
    ("java", "List<Foo>.█", "List ."),
    ("cpp", "client->█", "client ->"),
    ("cpp", "a < b->c.█", "b.c ."),
    ("cpp", "std::vector<Foo>::█", "std.vector ::"),
    ("cpp", "(*p).█", "(p) ."),
    ("c", "s->list.head->█", "s.list.head ->"),
    ("csharp", "await client.Get().█", "client.Get() ."),
    ("csharp", "$\"{this.Na█", "this . Na"),
    ("php", "$this->client->█", "$this.client ->"),
    ("php", "Foo::█", "Foo ::"),
    ("ruby", "@client.get(1)&.na█", "@client.get() . na"),
    ("ruby", "1..█", None),
    ("lua", "self.client:ge█", "self.client : ge"),
    ("lua", "-- self.cl█", None),
    ("kotlin", "client!!.█", "client? ."),
    ("swift", "client?.get()!.█", "client?.get()? ."),
    ("", "foo.bar█", "foo . bar"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text", "expected"), RECEIVERS, ids=[f"{row[0]}: {row[1]}" for row in RECEIVERS]
)
def test_receiver(language: str, text: str, expected: str | None) -> None:
    *above, typed = split_lines(text.removesuffix("█"))
    found = receiver_at(typed, language, above)
    written = f"{found.expression} {found.operator} {found.partial}".strip() if found else None
    assert written == expected


CALLS = [
    ("python", "self.get(█", "self.get 0"),
    ("python", "self.get(a, b=1, █", "self.get 2 b"),
    ("python", "f(g(1, 2), █", "f 1"),
    ("python", "f(g(1, █", "g 1"),
    ("python", "f([1, █", "f 0"),
    ("python", "f({'a': █", "f 0"),
    ("python", "f('a, b', \"(\", █", "f 2"),
    ("python", "f('a█", "f 0"),
    ("python", "f(  # first, second\n    a,\n    █", "f 1"),
    ("python", "f(a)█", None),
    ("python", "(a, █", None),
    ("python", "x = (a, █", None),
    ("python", "if (a, █", None),
    ("python", "def f(a, █", None),
    ("python", "    async def f(a, █", None),
    ("python", "class A(█", None),
    ("python", "return Foo(█", "Foo 0"),
    ("python", "# f(█", None),
    ("python", "a * f(█", "f 0"),
    ("python", "def f(): ...\n\nf(█", "f 0"),
    ("python", "@decorate(█", "decorate 0"),
    ("python", "a == f(b == 1, █", "f 1"),
    ("python", "f(lambda x: g(x), █", "f 1"),
    ("python", "Foo[int](█", "Foo[] 0"),
    ("typescript", "new Foo({ a: 1, █", "Foo 0"),
    ("typescript", "foo(function () { bar(1); █", None),
    ("typescript", "items.map((x) => x.get(█", "x.get 0"),
    ("typescript", "if (█", None),
    ("typescript", "function foo(a: string, █", None),
    ("typescript", "fetch<Foo>(█", "fetch 0"),
    ("typescript", "for (const x of f(1, █", "f 1"),
    ("go", "func (c *Client) Get(█", None),
    ("go", "err := c.Get(ctx, █", "c.Get 1"),
    ("go", "x := func(a int) { █", None),
    ("rust", "let x = Foo::new(a, █", "Foo.new 1"),
    ("rust", "pub fn foo(█", None),
    ("rust", "println!(█", None),
    ("rust", "iter.collect::<Vec<_>>(█", "iter.collect 0"),
    ("java", "Foo foo = new Foo(a, █", "Foo 1"),
    ("java", "public Foo get(String a, █", None),
    ("java", "List<Foo> get(█", None),
    ("java", "client.get(\"a\", 'b', █", "client.get 2"),
    ("c", "foo (a, █", "foo 1"),
    ("c", "struct foo *make(█", None),
    ("c", "for (i = 0; █", None),
    ("csharp", "Call(name: 1, other: █", "Call 1 name other"),
    ("php", "$this->get(█", "$this.get 0"),
    ("ruby", "client.get(a, b: █", "client.get 1 b"),
    ("lua", "client:get(█", "client.get 0"),
    ("kotlin", "Foo(name = 1, █", "Foo 1 name"),
    ("", "foo(1, █", "foo 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text", "expected"), CALLS, ids=[f"{row[0]}: {row[1]}" for row in CALLS]
)
def test_open_call(language: str, text: str, expected: str | None) -> None:
    *above, typed = split_lines(text.removesuffix("█"))
    found = open_call(above, typed, language)
    written = " ".join((str(found.callee), str(found.number), *found.keywords)) if found else None
    assert written == expected
