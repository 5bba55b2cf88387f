"""Which language a file is in, where its name does not say."""

import pytest

from fimbul_models.corpus.languages import LanguageRules, Languages, language_of
from fimbul_models.corpus.records import Drop, Record
from tests.corpus.judged import outcome, reason

CASES = [
    ("a.py", "x = 1\n", "python"),
    ("a.hs", "main = print 1\n", "haskell"),
    ("src/Makefile", "all:\n\tcc a.c\n", "makefile"),
    ("Makefile.inc", "SOURCES = a.c;\n", "makefile"),
    ("CMakeLists.txt", "project(a)\n", "cmake"),
    ("Dockerfile.dev", "FROM a\n", "dockerfile"),
    ("a.h", "template <typename T>\nclass Box;\n", "cpp"),
    ("a.h", "#include <vector>\nint f(std::vector<int> a);\n", "cpp"),
    ("a.h", "#import <Foundation/Foundation.h>\n@interface Cat : NSObject\n@end\n", "objective-c"),
    ("a.h", "#ifdef __cplusplus\nextern \"C\" {\nclass A;\n#endif\nint f(void);\n", ""),
    ("a.h", "/* a class of its own:\nclass A; */\nint f(void);\n", ""),
    ("a.m", "#import \"a.h\"\n@implementation Cat\n- (void)purr {}\n@end\n", "objective-c"),
    ("a.m", "% Sums up.\nfunction s = total(a)\n  s = sum(a);\nend\n", "matlab"),
    ("a.m", ":- module hello.\n:- interface.\n", "mercury"),
    ("a.pl", "use strict;\nmy $x = 1;\n", "perl"),
    ("a.pl", ":- use_module(library(lists)).\nlikes(mary, X) :- food(X).\n", "prolog"),
    ("a.pl", "#!/usr/bin/perl\nprint \"a\";\n", "perl"),
    ("a.t", "use Test::More;\nok(1);\n", "perl"),
    ("a.ts", "export const a: number = 1;\n", "typescript"),
    ("de.ts", "<?xml version=\"1.0\"?>\n<!DOCTYPE TS>\n<TS version=\"2.1\"></TS>\n", "xml"),
    ("de.ts", "<!DOCTYPE TS><TS language=\"de\"></TS>\n", "xml"),
    ("a.rs", "fn main() {}\n", "rust"),
    ("a.v", "module top(input clk);\nendmodule\n", "verilog"),
    ("a.v", "Theorem one : True.\nProof. trivial. Qed.\n", "coq"),
    ("a.d", "module a.b;\nimport std.stdio;\n", "d"),
    ("a.d", "out/a.o: a.c a.h\n", "make-dependencies"),
    ("a.fs", "module A\nlet x = 1\n", "fsharp"),
    ("a.fs", "#version 330\nvoid main() { gl_FragColor = vec4(1); }\n", "glsl"),
    ("a.cl", "(defun f (x) x)\n", "commonlisp"),
    ("a.cl", "__kernel void add(__global int *a) {}\n", "opencl"),
    ("a.cls", "\\ProvidesClass{paper}\n", "latex"),
    ("a.cls", "public with sharing class A {}\n", "apex"),
    ("a.inc", "<?php echo 1;\n", "php"),
    ("a.inc", "#define A 1\n", "c"),
    ("a.md", "# Title\n", "markdown"),
    ("i386.md", "(define_insn \"addsi3\")\n", "gcc-machine"),
    ("run", "#!/usr/bin/env python3\nprint(1)\n", "python"),
    ("run", "#!/usr/bin/env -S node --harmony\n", "javascript"),
    ("run", "#!/usr/bin/env LANG=C ruby -w\n", "ruby"),
    ("run", "#! /bin/bash -e\nls\n", "bash"),
    ("run", "#!/bin/sh\n# the next line \\\nexec tclsh \"$0\" ${1+\"$@\"}\n", "tcl"),
    ("run.bin2", "#!/usr/bin/env python3.12\n", "python"),
    ("init", "# -*- mode: ruby -*-\nputs 1\n", "ruby"),
    ("init", "echo 1\n# vim: set ft=sh :\n", "bash"),
    ("page", "<?php echo 1;\n", "php"),
    ("page", "<!DOCTYPE html>\n<html></html>\n", "html"),
    ("README", "Once upon a time.\n", ""),
    ("a.xyz", "Once upon a time.\n", ""),
    ("notes.txt", "use strict;\n", ""),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "language"), CASES)
def test_language_of_one_file(path: str, text: str, language: str) -> None:
    assert language_of(path, text) == language


@pytest.mark.parametrize(
    ("neighbour", "language"),
    [("a.c", "c"), ("a.cc", "cpp"), ("a.mm", "c"), ("b.m", "objective-c")],
)
def test_a_header_that_says_nothing_is_what_its_repository_is(
    neighbour: str, language: str
) -> None:
    objective_c = "@implementation Cat\n@end\n"
    found = outcome(Languages(), {"x.h": "int f(void);\n", neighbour: objective_c})
    header = found["x.h"]
    assert isinstance(header, Record)
    assert header.language == language


def test_an_unknown_language_is_a_reason_unless_the_file_tells_a_licence() -> None:
    found = outcome(Languages(), {"a.xyz": "a\n", "COPYING": "Do what you like.\n"})
    assert isinstance(found["COPYING"], Record)
    drop = found["a.xyz"]
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.detail) == ("unknown-language", ".xyz")


def test_a_recipe_chooses_languages() -> None:
    only = Languages(LanguageRules(only=("go",)))
    assert reason(only, "a.py", "x = 1\n") == "unwanted-language"
    assert reason(only, "a.go", "package a\n") == ""
    assert reason(Languages(LanguageRules(without=("go",))), "a.go", "package a\n") != ""
