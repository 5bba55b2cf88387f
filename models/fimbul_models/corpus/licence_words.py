"""How texts speak of licences: patterns of tags, notices, mentions, limits and holders.

Knows nothing about what follows from any of them; that is for `licence_texts`.
"""

import re

from fimbul_models.corpus.licence_policy import PROPRIETARY

TAG = re.compile(r"SPDX-License-Identifier\s*:\s*(?P<named>[^\n\r]+)", re.IGNORECASE)
BEFORE_TAG = re.compile(r"[\s/*#;%!\"'\-.<>({|:rem@dnl]*", re.IGNORECASE)
"""What may stand before a tag in its line: signs that begin a comment."""

COMMENT_END = re.compile(
    r"\s*(?:\*+/|-->|\*\)|-\}|\"\"\"|'''|#\}|%>|\}\}|\]\]|\"|')?\s*$",
)
COMMENT_BEGIN = re.compile(
    r"^[ \t]*(?:(?:/\*+|\*+/?|//+!?|#+!?|;+|--+|%+|<!--|\(\*|\{-|!|\"\"\"|'''"
    r"|REM\b|dnl\b|\.\\\"|\|)[ \t]*)+",
    re.MULTILINE | re.IGNORECASE,
)

ABOUT_RIGHTS = re.compile(
    r"licen[cs]|copyright|permission|redistribut|public domain|propriet|confiden|trade secret"
    r"|warrant|notice|\b[al]?gpl|(?:released|distributed|published|available) under|terms"
    r"|commercial"
    r"|unauthori[sz]ed|(?:internal|evaluation|personal) use",
    re.IGNORECASE,
)
"""Words without which nothing is said about rights."""

GRANT = re.compile(
    r"permission (?:is|to)|redistribution|hereby granted|licen[cs]ed|terms of|free software|as is"
    r"|public licen[cs]e|public domain|distributed under|warrant",
    re.IGNORECASE,
)
"""Words without which there is no notice that the detector could know."""

BY_TERMS = re.compile(
    r"\b(?:licen[cs]ed|released|distributed|published|redistribute it|provided|available|usable)"
    r"(?: to [\w ]{1,40}?)?(?: (?:and/or|and|or) modif\w+(?: it)?)?(?: only)?"
    r" (?:under|by|with|according to) "
    r"(?:the )?(?:terms?(?: and conditions)? of )?(?:either )?(?:the |an? )?"
    r"(?P<named>[^.;:\n][^;:\n]{1,120})",
    re.IGNORECASE,
)
"""A notice that names the licence."""

NAME_END = re.compile(
    r"(?<=[^\d\s])\.(?=\s|$)|[\s(](?:see|which|that|found|refer|in|for|you|this|at)\s",
    re.IGNORECASE,
)
"""Where the name in a notice ends at the latest."""

STRONG_VERB = re.compile(r"licen[cs]ed", re.IGNORECASE)
LICENCE_WORD = re.compile(r"licen[cs]e|[al]?gpl|\bterms\b|\bagreement\b", re.IGNORECASE)
REFERS = re.compile(
    r"(?:the )?(?:same )?(?:terms|licen[cs]es?)?[ ,]*(?:of|as|in|found|described|specified|stated"
    r"|contained|see|that|which|terms|licen[cs]es?|project|file|root|this|these|following|below"
    r"|above|same|conditions?|[\"'(`]*(?:licen[cs]e|copying|copyright)"
    r"|(?:bsd|mit|apache|x11|isc)[- ](?:style|like|type))\b",
    re.IGNORECASE,
)
"""A notice that only points to a licence file, or to what is said beside it."""

FREE = re.compile(
    r"(?<!not )(?:(?:placed|released|donated|dedicated|put)[\w ]{0,30} (?:in|into|to)"
    r"|(?:file|code|software|program|work|module) is (?:hereby )?in) the public domain",
    re.IGNORECASE,
)

MENTIONS = (
    ("AGPL-3.0-or-later", r"\bAGPL|GNU Affero|Affero General Public"),
    ("LGPL-2.0-or-later", r"\bLGPL|(?:Lesser|Library) General Public|GNU (?:Lesser|Library) "),
    ("GPL-1.0-or-later", r"\bGPL|GNU (?:General )?Public|General Public Licen|\bcopyleft\b"),
    ("MPL-1.1", r"\bMPL[ -]?v?[12]|Mozilla Public"),
    ("EPL-1.0", r"\bEPL[ -]?v?[12]|Eclipse Public"),
    ("CDDL-1.0", r"\bCDDL\b|Common Development and Distribution"),
    ("EUPL-1.2", r"\bEUPL\b|European Union Public"),
    ("CECILL-2.1", r"\bCeCILL"),
    ("OSL-3.0", r"Open Software Licen[cs]e"),
    ("SSPL-1.0", r"\bSSPL\b|Server Side Public"),
    ("BUSL-1.1", r"\bBUSL\b|Business Source Licen"),
    ("Elastic-2.0", r"\bElastic Licen"),
    ("GFDL-1.1-or-later", r"\bGFDL\b|Free Documentation Licen"),
    ("LicenseRef-scancode-commons-clause", r"Commons Clause"),
    ("CC-BY-NC-4.0", r"\bCC[ -]BY[ -]NC|Non-?Commercial (?:\d|International|Licen|Share|No)"),
    ("CC-BY-SA-4.0", r"\bCC[ -]BY[ -]SA|Share-?Alike \d"),
    ("CC-BY-ND-4.0", r"\bCC[ -]BY[ -]ND|No-?Deriv"),
    (PROPRIETARY, r"PolyForm|Functional Source Licen|Fair Source|Sustainable Use Licen"),
)
"""Words that tell a licence which forbids something; the most particular of a family first."""

MENTIONED = re.compile("|".join(f"(?P<m{n}>{how})" for n, (_, how) in enumerate(MENTIONS)), re.I)
NO_MENTION = re.compile(r"(?:not?|non|without|isn't)[- ](?:under )?(?:the )?$", re.IGNORECASE)
"""What stands before a mention that means the contrary."""

COMPATIBLE = re.compile(r"[- ](?:in)?compatib", re.IGNORECASE)
"""What stands behind a mention that is only compared with."""

LIMITS = re.compile(
    r"proprietary (?:and|or|&) confidential|confidential (?:and|or|&) proprietary"
    r"|(?:proprietary|confidential) (?:information|property|software|code|material|source)"
    r"|(?:company|strictly|internal) confidential|is proprietary|\bproprietary\b[.:]?$"
    r"|trade secrets?"
    r"|unauthori[sz]ed (?:copying|use|reproduction|distribution|disclosure|duplication)"
    r"|strictly (?:prohibited|forbidden)"
    r"|without (?:the )?(?:express|explicit|written|prior)[\w, ]*"
    r"(?:permission|consent|authori[sz]ation)(?! of (?:the )?(?:copyright|author))"
    r"|(?<!commercial or )(?<!commercial and )(?<!commercial/)(?<!commercial, )non-?commercial"
    r"|(?:for|only|solely)[\w ]* (?:evaluation|internal|personal|educational|academic|research)"
    r"[\w ]*(?:only|purposes|use\b)"
    r"|(?:no|not)[\w ]{0,20} commercial(?:ly)?\b"
    r"|commercial (?:use|redistribution)[\w ]* (?:not|prohibited|forbidden|requires|needs|is only)"
    r"|must (?:purchase|buy|obtain) a|subscription agreement|end[- ]user licen[cs]e"
    r"|no (?:licen[cs]e|rights?|permission) (?:is|are) granted"
    r"|(?:may|must|shall|can) not (?:be )?(?:sell|sold|copied|copy|redistribute|reproduce|modif"
    r"|disclose|use(?:d)? (?:this|the|it|for|in|by))"
    r"|good,? not evil|for good and not|no (?:redistribution|modification)"
    r"|do not (?:copy|distribute|share)"
    r"|(?:additional|further|other) (?:restriction|condition)s? appl"
    r"|provided (?:further )?that (?:you|the user|no)",
    re.IGNORECASE | re.MULTILINE,
)
"""What limits use, where it does not stand in a text that is known word by word."""

LATER_GATE = re.compile(r"ublic Licen|GPL")
LATER_NOTICE = re.compile(
    r"(?:terms of|licen[cs]ed under|released under|distributed under|governed by) the"
    r" (?:[\w.]+ ){0,4}?"
    r"(?:GNU|Affero|Lesser|Library|Mozilla Public|Eclipse Public|[AL]?GPL)",
    re.IGNORECASE,
)
"""Notices of copyleft that count in the middle of a file, too."""

HOLDER = re.compile(
    r"(?:SPDX-FileCopyrightText\s*:|(?:portions |parts )?(?:copyright|copr\.?|©|\(c\))(?=\W))"
    r".{0,200}",
    re.IGNORECASE,
)
IS_HOLDER = re.compile(r"\d{4}|\(c\)|©|FileCopyrightText|copyright(?: by)? [A-Z]", re.IGNORECASE)
AUTHOR = re.compile(
    r"@?(?:__)?(?:original )?authors?(?:__)?\s*[:=]\s*\S.{0,120}|@author\s+\S.{0,120}",
    re.IGNORECASE,
)
BOILERPLATE = re.compile(
    r"copyright (?:notices?|holders?|owners?|licen[cs]e|law|statement|and |or |in |is |interest"
    r"|disclaimer|patent|act|treat|status|year|header|protect)"
    r"|[\[<{](?:yyyy|year|name)|\(c\) (?:the|a|any|in|if|you|under|do|to|must)\b",
    re.IGNORECASE,
)
"""Lines of licences themselves, which name nobody."""

BESIDE_NAME = re.compile(
    r"SPDX-FileCopyrightText|portions|parts|copyright|copr|all rights reserved|©|\(c\)|\d{4}"
    r"|present|now|\bby\b|\band\b|[,.:;*/\u2013\u2014-]"
    r"|\bits affiliates\b|\bor its\b|\baffiliates\b",
    re.IGNORECASE,
)
"""What is no part of a holder's name in a copyright line."""

TEMPLATE = re.compile(r"(?:YEAR|COPYRIGHT HOLDERS?|ORGANI[SZ]ATION)\s*:")
"""Lines of the file that R's MIT and BSD ask for, which holds no licence text."""

POINTER = re.compile(r"\s*[\w.-]*[./][\w./-]+\s*")
"""All of a file that is nothing but another one's name, as of a link that became a text."""
