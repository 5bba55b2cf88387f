# ruff: noqa: E501  # A case a row is read at a glance, and as several lines is not.
"""Secret values and personal data are replaced, and nothing else is."""

import random
import string

import pytest

from fimbul_models.corpus.records import Record
from fimbul_models.corpus.redaction import Redaction, RedactionRules
from lsp_server.privacy.secrets import find_all
from lsp_server.text import split_lines
from tests.corpus.judged import outcome, reason, text_of

_ALNUM = string.ascii_letters + string.digits


def _key(number: int = 0) -> str:
    """Return what an issuer gives, made up at run time."""
    return "gh" + "p_" + "".join(random.Random(number).choices(_ALNUM, k=36))


def _private_key() -> str:
    chance = random.Random(7)
    rows = ["".join(chance.choices(_ALNUM + "+/", k=64)) for _ in range(8)]
    kind = "RSA PRIVATE" + " KEY"
    return "\n".join([f"-----BEGIN {kind}-----", *rows, f"-----END {kind}-----"])


def cleaned(path: str, text: str) -> str:
    return text_of(outcome(Redaction(), {path: text})[path])


REPLACED = [
    ("a.py", f'token = "{_key()}"\n', 'token = "<KEY>"\n'),
    ("a.py", 'db_password = "Harbor!731+"\n', 'db_password = "<PASSWORD>"\n'),
    ("a.py", "# Mail to jane.doe@uni-nowhere.de, please.\n", "# Mail to <EMAIL>, please.\n"),
    ("a.py", 'who = "j.doe@post.nowhere.org"\n', 'who = "<EMAIL>"\n'),
    ("a.py", "# Author: Jane Doe <jd@nowhere.org>\n", "# Author: <NAME> <EMAIL>\n"),
    ("a.py", '__author__ = "Jane Doe"\n', '__author__ = "<NAME>"\n'),
    ("a.py", '"""Doc.\n\nAuthors: Jane Doe, Max van der Berg and Li Wei\n"""\n',
     '"""Doc.\n\nAuthors: <NAME>, <NAME> and <NAME>\n"""\n'),
    ("a.py", "# mail jdoe (at) nowhere (dot) de\n", "# mail <EMAIL>\n"),
    ("a.py", 'HOST = "93.184.215.14"\n', 'HOST = "<IP_ADDRESS>"\n'),
    ("a.py", 'HOST = "2a01:4f8:c0c:1234::1"\n', 'HOST = "<IP_ADDRESS>"\n'),
    ("a.py", "# Call +49 30 901820 17 if it fails.\n", "# Call <PHONE> if it fails.\n"),
    ("a.c", "/* Phone: (030) 901820-17 */\n", "/* Phone: <PHONE> */\n"),
    ("A.java", "/**\n * @author jdoe\n */\nclass A {}\n", "/**\n * @author <NAME>\n */\nclass A {}\n"),
    ("a.hs", "-- Maintainer: Jane Doe\nmain = f\n", "-- Maintainer: <NAME>\nmain = f\n"),
    ("a.yaml", "owner: jd@nowhere.org\n", "owner: <EMAIL>\n"),
    ("a.py", "x = 1\r\n# jd@nowhere.org\r\n", "x = 1\r\n# <EMAIL>\r\n"),
]  # fmt: skip

UNTOUCHED = [
    ("a.py", "c = a@b.de\n"),
    ("a.py", "# git@host.org:team/shop.git\n"),
    ("a.py", 'who = "user@example.com"\n'),
    ("a.py", 'npm = "left-pad@latest.js"\n'),
    ("a.py", '@app.route("/")\ndef f() -> None: ...\n'),
    ("a.py", 'VERSION = "93.184.215.14"\n'),
    ("a.py", "# Since version 12.3.4.5 of the tool.\n"),
    ("a.py", 'HOST = "192.168.0.17"\nLOCAL = "127.0.0.1"\nDOC = "203.0.113.9"\n'),
    ("a.py", 'DNS = "8.8.8.8"\nOID = "1.3.6.1.4.1.311"\n'),
    ("a.py", 'NET = "93.184.215.0/24"\n'),
    ("a.py", 'D = "2001:db8::1"\nT = "2012:10:11"\n'),
    ("a.py", "# From 1990 to +2024 00 00, and 12345678 bytes\n"),
    ("a.py", "phone = 4930901820\n"),
    ("a.py", "# The author of the book is not known: see the list of authors.\n"),
    ("a.py", "author: str = field(default=None)\n"),
    ("a.py", 'book = {"author": "Jane Doe"}\n'),
    ("a.ts", "interface Book { author: Person; maintainer: string }\n"),
    ("a.py", "# Copyright 2020 Nowhere Foundation\n"),
    ("a.py", 'password = os.environ["PASSWORD"]\n'),
]


@pytest.mark.parametrize(("path", "text", "expected"), REPLACED)
def test_what_is_private_is_replaced(path: str, text: str, expected: str) -> None:
    assert cleaned(path, text) == expected


@pytest.mark.parametrize(("path", "text"), UNTOUCHED)
def test_what_only_looks_private_stays(path: str, text: str) -> None:
    assert cleaned(path, text) == text


def test_a_private_key_goes_line_by_line_and_counts_once() -> None:
    text = f'KEY = """{_private_key()}"""\n'
    found = outcome(Redaction(RedactionRules(most_secrets=1)), {"a.py": text})["a.py"]
    assert isinstance(found, Record)
    assert found.text.count("<PRIVATE_KEY>") == 8
    assert found.text.count("\n") == text.count("\n")
    assert found.redacted == {"private-key": 8}


def test_cleaning_twice_changes_nothing_more() -> None:
    text = f'token = "{_key()}"\n# Author: Jane Doe <jd@nowhere.org>\npassword = "Ab!731+x"\n'
    once = cleaned("a.py", text)
    assert once.count("<") == 4
    assert cleaned("a.py", once) == once
    assert find_all(split_lines(once)) == {}


def test_a_store_of_secrets_is_dropped_and_repeated_ones_count_once() -> None:
    many = "".join(f'token{n} = "{_key(n)}"\n' for n in range(4))
    same = f'token = "{_key()}"\n' * 9
    assert reason(Redaction(), "a.py", many) == "many-secrets"
    assert reason(Redaction(), "a.py", same) == ""
    assert reason(Redaction(RedactionRules(most_secrets=0)), "a.py", many) == ""
    assert reason(Redaction(RedactionRules(most_secrets=4)), "a.py", many) == ""


def test_names_are_kept_as_attributions_only_and_counted() -> None:
    text = "# Author: Jane Doe <jd@nowhere.org>\n" * 2 + f"token = '{_key()}'\n"
    found = outcome(Redaction(), {"a.py": text})["a.py"]
    assert isinstance(found, Record)
    assert found.attributions == ("Author: Jane Doe <jd@nowhere.org>",)
    assert "Jane" not in found.text
    assert found.redacted["name"] == found.redacted["email"] == 2
    assert sum(found.redacted.values()) == 5


def test_a_secret_does_not_leave_by_an_attribution() -> None:
    text = f'# Author: Jane Doe, token = "{_key()}"\n'
    found = outcome(Redaction(), {"a.py": text})["a.py"]
    assert isinstance(found, Record)
    assert _key() not in found.text + "".join(found.attributions)


def test_kinds_can_be_left_alone() -> None:
    rules = RedactionRules(secrets=False, personal=("email",))
    text = f'token = "{_key()}"\n# Author: Jane Doe <jd@nowhere.org>\n'
    found = text_of(outcome(Redaction(rules), {"a.py": text})["a.py"])
    assert found == text.replace("<jd@nowhere.org>", "<EMAIL>")
