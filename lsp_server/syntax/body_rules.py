"""How bodies are opened and closed in each language: one row a language.

What a row says about lines is needed where no tree helps, and to know at a glance that a place is
no body; what it says about nodes decides. Knows nothing about documents.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_BRACE = r"\{\s*$"
_LAMBDA_BRACE = r"\{\s*$|\{[\w\s,:()]*(?:->|=>|\bin)\s*$"
_CLIKE = (
    r"^\W*(?:if|else|for|foreach|while|do|switch|match|try|catch|finally|loop|when|unless|select"
    r"|guard|defer|repeat|unsafe|synchronized|using|lock|fixed|init|with"
    r"|(?:\w+\s+)*(?:class|interface|struct|enum|trait|impl|namespace|module|mod|object|union"
    r"|record|protocol|extension|actor))\b"
)
_CLIKE_FUNCTION = (
    r"\b(?:func|fn|fun|function|def)\b"
    r"|=>\s*\{\s*$"
    r"|\)\s*(?:(?:const|noexcept|override|final|async|throws|->|:)[\w\s<>,.:\[\]?&*|]*)?\{\s*$"
)
_CLIKE_TOP = (
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|sealed|open"
    r"|data|async|pub(?:\([a-z]+\))?|unsafe|extern)\s+)*"
    r"(?:class|interface|struct|enum|trait|impl|namespace|func|fn|fun|function|def|import|package"
    r"|use|using|object|protocol|extension|mod|module|type)\b"
)


@dataclass(frozen=True, slots=True)
class BodyRules:
    """How bodies look in one language. Texts of expressions are regular ones."""

    opens: str = _BRACE
    """What the text in front of a body ends with, comments taken off."""
    block: str = _CLIKE
    """What a line begins with that opens a block; asked where no tree helps."""
    function: str = _CLIKE_FUNCTION
    """What a line holds that opens the body of a function; likewise, and asked after `block`."""
    closers: tuple[tuple[str, str], ...] = ((_BRACE, "}"),)
    """What closes the body, by what it was opened with; the first that is found."""
    goes_on: str = r"\}"
    """What the line below an empty body begins with that closes it, or goes on behind it."""
    top_level: str = _CLIKE_TOP
    """What begins a line that can stand at the outermost level only, when it stands there."""
    filler: str = "/*-*/"
    """What may stand in an empty body, of whatever kind, without breaking the grammar."""
    functions: frozenset[str] = frozenset()
    """Nodes that are functions with a name, or with a place of their own."""
    anonymous: frozenset[str] = frozenset()
    """Nodes of functions without a name; handed to a call they are blocks."""
    blocks: frozenset[str] = frozenset()
    """Nodes in which statements or members stand: those that hold a body, or are one."""
    continuations: frozenset[str] = frozenset()
    """Nodes that follow a body inside of the same statement."""
    indented: bool = False
    """Whether the body ends where the indentation falls, without any closing text."""


_JS = BodyRules(
    functions=frozenset(
        {"function_declaration", "generator_function_declaration", "method_definition"}
    ),
    anonymous=frozenset({"arrow_function", "function_expression", "generator_function"}),
    blocks=frozenset(
        {"statement_block", "class_body", "switch_body", "interface_body", "enum_body",
         "class_static_block"}
    ),
)  # fmt: skip
_C = BodyRules(
    functions=frozenset({"function_definition"}),
    anonymous=frozenset({"lambda_expression"}),
    blocks=frozenset(
        {"compound_statement", "field_declaration_list", "enumerator_list", "declaration_list"}
    ),
    top_level=r"(?:#include|template\b|namespace\b|class\b|using\b|typedef\b)",
)

RULES: Mapping[str, BodyRules] = MappingProxyType(
    {
        "python": BodyRules(
            opens=r":\s*$",
            block=(
                r"^\s*(?:(?:async\s+)?(?:for|with)|if|elif|else|while|try|except|finally|match|case"
                r"|class)\b"
            ),
            function=r"^\s*(?:async\s+)?def\b",
            closers=(),
            goes_on=r"(?!)",
            top_level=r"(?:(?:async\s+)?def|class|import|from)\b|@\w|if __name__\b",
            filler="pass",
            functions=frozenset({"function_definition"}),
            blocks=frozenset({"block"}),
            indented=True,
        ),
        "javascript": _JS,
        "typescript": _JS,
        "tsx": _JS,
        "go": BodyRules(
            functions=frozenset({"function_declaration", "method_declaration"}),
            anonymous=frozenset({"func_literal"}),
            blocks=frozenset(
                {"block", "field_declaration_list", "interface_type", "expression_switch_statement",
                 "type_switch_statement", "select_statement"}
            ),
            top_level=r"(?:func|type|import|package|var|const)\b",
        ),
        "rust": BodyRules(
            functions=frozenset({"function_item"}),
            anonymous=frozenset({"closure_expression"}),
            blocks=frozenset(
                {"block", "declaration_list", "field_declaration_list", "enum_variant_list",
                 "match_block"}
            ),
            top_level=(
                r"(?:pub(?:\([a-z]+\))?\s+)?(?:async\s+|unsafe\s+|const\s+)*"
                r"(?:fn|struct|enum|trait|impl|mod|use|type|static)\b|#\[(?:cfg|derive|test)"
            ),
        ),
        "java": BodyRules(
            functions=frozenset(
                {"method_declaration", "constructor_declaration",
                 "compact_constructor_declaration"}
            ),
            anonymous=frozenset({"lambda_expression"}),
            blocks=frozenset(
                {"block", "constructor_body", "class_body", "interface_body", "enum_body",
                 "switch_block", "annotation_type_body"}
            ),
        ),
        "c": _C,
        "cpp": _C,
        "csharp": BodyRules(
            functions=frozenset(
                {"method_declaration", "constructor_declaration", "local_function_statement",
                 "operator_declaration", "destructor_declaration", "accessor_declaration"}
            ),
            anonymous=frozenset({"lambda_expression", "anonymous_method_expression"}),
            blocks=frozenset(
                {"block", "declaration_list", "accessor_list", "enum_member_declaration_list",
                 "switch_body"}
            ),
        ),
        "ruby": BodyRules(
            opens=(
                r"^\s*(?:(?:private|public|protected|module_function)\s+)?"
                r"(?:def|class|module|if|unless|while|until|for|case|elsif|when|in|rescue)\b"
                r"(?!.*\bend\b).*$"
                r"|\bdo(?:\s*\|[^|]*\|)?\s*$|\b(?:else|ensure|then|begin)\s*$"
                r"|\{\s*(?:\|[^|]*\|)?\s*$"
            ),
            block=(
                r"^\s*(?:class|module|if|unless|while|until|for|elsif|when|in|rescue|else|ensure"
                r"|begin)\b|\bdo(?:\s*\|[^|]*\|)?\s*$"
            ),
            function=r"^\s*(?:(?:private|public|protected|module_function)\s+)?def\b",
            closers=((r"\{\s*(?:\|[^|]*\|)?\s*$", "}"), (r"", "end")),
            goes_on=r"\}|(?:end|else|elsif|when|in|rescue|ensure)\b",
            top_level=r"(?:def|class|module|require|require_relative)\b",
            filler="nil",
            functions=frozenset({"method", "singleton_method"}),
            blocks=frozenset(
                {"body_statement", "block_body", "then", "else", "ensure", "do", "begin"}
            ),
            continuations=frozenset({"rescue", "ensure", "else", "elsif", "when"}),
        ),
        "php": BodyRules(
            functions=frozenset({"function_definition", "method_declaration"}),
            anonymous=frozenset({"anonymous_function"}),
            blocks=frozenset(
                {"compound_statement", "declaration_list", "switch_block", "enum_declaration_list",
                 "match_block"}
            ),
        ),
        "lua": BodyRules(
            opens=r"\b(?:then|do|else|repeat)\s*$|\bfunction\b[^()]*\([^()]*\)\s*$",
            block=r"^\s*(?:if|for|while|else|elseif|repeat|do)\b",
            function=r"\bfunction\b",
            # What closes `repeat` takes a condition, which is no part of the body.
            closers=((r"\brepeat\s*$", ""), (r"", "end")),
            goes_on=r"(?:end|else|elseif|until)\b",
            top_level=r"(?:local\s+)?function\b|return\b",
            filler="_()",
            functions=frozenset({"function_declaration"}),
            anonymous=frozenset({"function_definition"}),
            blocks=frozenset({"block"}),
        ),
        "bash": BodyRules(
            opens=r"(?:^|[\s;])(?:then|do|else)\s*$|\{\s*$",
            block=r"^\s*(?:if|elif|else|for|while|until|select|then|do)\b",
            function=r"^\s*(?:function\s+[\w:.-]+|[\w:.-]+\s*\(\s*\))",
            closers=((r"\{\s*$", "}"), (r"\bdo\s*$", "done"), (r"", "fi")),
            goes_on=r"\}|(?:fi|else|elif|done|esac)\b|;;",
            top_level=r"function\s|[\w-]+\s*\(\s*\)\s*\{",
            filler="true",
            functions=frozenset({"function_definition"}),
            blocks=frozenset(
                {"compound_statement", "do_group", "if_statement", "elif_clause", "else_clause"}
            ),
            continuations=frozenset({"elif_clause", "else_clause"}),
        ),
        "kotlin": BodyRules(
            opens=_LAMBDA_BRACE,
            functions=frozenset(
                {"function_declaration", "secondary_constructor", "anonymous_initializer",
                 "getter", "setter"}
            ),
            anonymous=frozenset({"lambda_literal", "anonymous_function"}),
            blocks=frozenset(
                {"block", "class_body", "enum_class_body", "when_expression", "lambda_literal"}
            ),
        ),
        "scala": BodyRules(
            opens=_LAMBDA_BRACE,
            functions=frozenset({"function_definition"}),
            blocks=frozenset({"block", "template_body", "case_block"}),
        ),
        "swift": BodyRules(
            opens=_LAMBDA_BRACE,
            functions=frozenset(
                {"function_declaration", "init_declaration", "deinit_declaration",
                 "subscript_declaration", "computed_property"}
            ),
            anonymous=frozenset({"lambda_literal"}),
            blocks=frozenset(
                {"function_body", "class_body", "enum_class_body", "protocol_body",
                 "for_statement", "while_statement", "repeat_while_statement", "if_statement",
                 "guard_statement", "switch_statement", "do_statement", "catch_block",
                 "lambda_literal", "computed_property"}
            ),
        ),
        "css": BodyRules(
            block=r"[\w)\]*]\s*\{\s*$",
            function=r"(?!)",
            top_level=r"@(?:media|import|font-face)\b",
            blocks=frozenset({"block"}),
        ),
    }
)  # fmt: skip
"""Languages whose code has bodies, by our name for them."""

UNKNOWN = BodyRules()
"""For languages without a grammar: braces, as most of them have."""


def matches(expression: str, text: str) -> bool:
    """Tell whether `expression` is found in `text`."""
    return re.search(expression, text) is not None
