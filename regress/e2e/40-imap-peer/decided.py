"""Where Mailkeep and Dovecot 2.3 answer differently and the RFC, or else common sense, sides with Mailkeep.

(message's name or a pattern, what was asked as a regular expression, why).
"""
PART = r"BODY\.PEEK\[[0-9.]+(MIME|TEXT|HEADER(\.FIELDS(\.NOT)? .*)?)?\](<.*>)?"
DECIDED = (
    # RFC 3501 6.4.5: only a multipart and an embedded message have parts below them. Dovecot takes N.1 of a leaf for the leaf.
    ("*", r"BODY\.PEEK\[[0-9.]*\.1(\.MIME)?\]", "a leaf has no part 1 of its own"),
    # RFC 3501 6.4.5: no blank line is added where the message has none.
    ("no-blank-line", r"BODY\.PEEK\[HEADER\.FIELDS .*", "no blank line in the message"),
    ("header-without-newline", r"BODY\.PEEK\[HEADER\.FIELDS .*", "no blank line in the message"),
    ("rfc822-empty", PART, "no blank line in the embedded message"),
    ("empty-parts", PART, "the line end behind the part's last header line is the header's"),
    # RFC 5322 2.2.3: unfolding takes the line ends away and nothing else.
    ("blank-fold", "ENVELOPE", "white space stays when a field is unfolded"),
    ("folded", "ENVELOPE", "white space stays when a field is unfolded"),
    ("tab-subject", "ENVELOPE", "a tab is a tab"),
    ("references", "ENVELOPE", "a folded Message-Id has no space in front"),
    # RFC 3501 7.4.2 knows no MISSING_MAILBOX, MISSING_DOMAIN or SYNTAX_ERROR; NIL as host would be a group.
    ("empty-fields", "ENVELOPE", "a list of commas has no address"),
    ("addresses", "ENVELOPE", "no invented mailbox or domain; what can be read of a damaged list is shown"),
    ("two-of-each", "ENVELOPE", "RFC 5322 3.6 allows one of each: the first is shown"),
    # RFC 2046 5.1.1: the line end before a boundary belongs to the boundary, also behind an inner close delimiter.
    ("prefix-boundaries", PART, "the line end before the outer boundary is the boundary's"),
    ("forwarded", PART + "|BODY|BODYSTRUCTURE", "the line end before the outer boundary is the boundary's"),
    # RFC 2045 5.2: what is no valid Content-Type is text/plain; RFC 2046 5.1.1: a multipart without a boundary is none.
    ("types", "BODY|BODYSTRUCTURE", "invalid types are text/plain; an unquoted value goes up to the semicolon"),
    ("no-boundary", PART + "|BODY|BODYSTRUCTURE", "a multipart without a boundary is text"),
    ("empty-boundary", PART + "|BODY|BODYSTRUCTURE", "a multipart without a boundary is text"),
    ("encodings", "BODY|BODYSTRUCTURE", "the token counts, junk behind it does not"),
    ("dispositions", "BODYSTRUCTURE", "an empty disposition is none; an unquoted file name goes up to the semicolon"),
    ("bare-cr", r"BODY\.PEEK\[(TEXT|1)\]<5\.7>", "octet 5 is octet 5; Dovecot counts the bare CR twice"),
    # SEARCH
    ("*", r"SEARCH SENTBEFORE .*", "a message without a Date field was not sent before any day"),
    ("*", r"SEARCH (SUBJECT|BODY|TEXT) GRÜSSE", "Unicode's case folding: ß is ss"),
    ("8bit-latin1", r"SEARCH SUBJECT grüße", "8-bit bytes that are no UTF-8 are read as windows-1252"),
    ("*", r'SEARCH (FROM|TO|CC) "', "the field as it is written, not as it could be written"),
    ("empty-fields", r"SEARCH CC a", "no invented address is found"),
    ("*", r"SEARCH BODY (a|example\.org|first in digest|Content-Type)", "the body holds embedded messages, headers and all"),
    # LIST
    ("*", r'LIST "a/" ""', "RFC 3501 6.3.8: the root may be empty where the reference is not rooted"),
    ("&2D3eAQ-", r'(LIST|LSUB) "" "&\*"', "patterns are matched with names as they are sent"),
)
