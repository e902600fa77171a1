"""Awkward messages, by name: what IMAP's FETCH and SEARCH must answer well for. CRLF unless the name says otherwise."""


def m(text):
    return text.encode("utf-8", "surrogateescape").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def nested_multiparts(depth):
    out, end = "", ""
    for i in range(depth):
        out += f"Content-Type: multipart/mixed; boundary=b{i}x\n\n--b{i}x\n"
        end = f"\n--b{i}x--\n" + end
    return f"Subject: depth {depth}\nMIME-Version: 1.0\n{out}\ndeep inside\n{end}"


def nested_messages(depth):
    return "".join(f"Subject: level {i}\nFrom: l{i}@example.org\nContent-Type: message/rfc822\n\n" for i in range(depth)) + \
        "Subject: innermost\n\ninnermost body\n"


HEAD = "From: A <a@example.org>\nTo: b@example.org\nSubject: {}\nDate: Mon, 7 Feb 1994 21:52:25 -0800\nMIME-Version: 1.0\n"


def mail(subject, rest):
    return m(HEAD.format(subject) + rest)


MESSAGES = {
    "plain": m("From: Fred Foobar <foobar@Blurdybloop.example>\nSubject: afternoon meeting\n"
               "To: mooch@owatagu.example\nMessage-Id: <B27397-0100000@Blurdybloop.example>\n"
               "Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\nMIME-Version: 1.0\n"
               "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\nHello Joe, do you think we can meet at 3:30 tomorrow?\n"),
    "no-body": m("From: a@example.org\nSubject: no body\n\n"),
    "no-blank-line": m("From: a@example.org\nSubject: no blank line\n"),
    "no-final-newline": b"Subject: no newline at the end\r\n\r\nbody without",
    "header-without-newline": b"Subject: cut in the header",
    "body-only": m("\nbody only\n"),
    "no-header": m("this is no header field\nnor is this\n\nbody\n"),
    "junk-in-header": m("From: a@example.org\nthis line is no field\nSubject: after junk\n: no name\n\nbody\n"),
    "leading-fold": m(" starts with a continuation\nSubject: second\n\nbody\n"),
    "space-before-colon": m("From : a@example.org\nSubject\t: spaced\n\nbody\n"),
    "no-space-after-colon": m("From:a@example.org\nSubject:tight\nTo:<b@example.org>\n\nbody\n"),
    "blank-fold": m("Subject: before\n \n after\nFrom: a@example.org\n\nbody\n"),
    "folded": m("From: \"A very\n long name\" <a@example.org>\nSubject: folded\n  with two spaces\n\tand a tab\n"
                "To: b@example.org,\n\tc@example.org\n\nbody\n"),
    "empty-fields": m("From:\nSubject:\nDate:\nTo:  \nCc: ,\nIn-Reply-To:\nMessage-Id:\nSender:\nReply-To:\n\nbody\n"),
    "two-of-each": m("From: a@example.org\nFrom: b@example.org\nTo: c@example.org\nTo: d@example.org\nSubject: first\n"
                     "Subject: second\nDate: Mon, 7 Feb 1994 21:52:25 -0800\nDate: Tue, 8 Feb 1994 21:52:25 -0800\n"
                     "Message-Id: <one@x>\nMessage-Id: <two@x>\n\nbody\n"),
    "no-from": m("Sender: s@example.org\nReply-To: r@example.org\nSubject: no from\n\nbody\n"),
    "groups": m("From: a@example.org\nTo: Undisclosed recipients:;\nCc: Friends: b@example.org, \"C D\" <c@example.org>;, e@example.org\n"
                "Bcc: Empty: ;, x@example.org\nReply-To: Unclosed: f@example.org\nSubject: groups\n\nbody\n"),
    "addresses": m("From: \"Quote \\\" and \\\\\" <\"odd local\"@example.org>\nTo: <@route.example,@two.example:g@example.org>, nodomain,\n"
                   " (comment first) h@example.org (comment last), i@[192.0.2.1],\n j . k @ example . org\n"
                   "Cc: <>, <l@example.org, m@example.org>, \"unclosed <n@example.org>\nBcc: =?utf-8?q?M=C3=BCller?= <o@example.org>\n"
                   "Sender: p@example.org <q@example.org>\nReply-To: r@example.org;s@example.org\nSubject: addresses\n\nbody\n"),
    "long-name": m(f"From: \"{'n' * 1500}\" <a@example.org>\nSubject: {'s' * 3000}\n\nbody\n"),
    "many-addresses": m("From: a@example.org\nTo: " + ",\n ".join(f"u{i}@example.org" for i in range(300)) + "\nSubject: many\n\nbody\n"),
    "quotes": m("From: a@example.org\nSubject: a \"quoted\" and back\\slash {5} (paren) %*]  \n\nbody\n"),
    "encoded-words": m("From: =?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@example.dk>\n"
                       "Subject: =?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=\n"
                       "To: =?utf-8?b?w6TDtsO8?= <u@example.org>\n\nbody\n"),
    "8bit-utf8": m("From: Jürgen <j@example.org>\nSubject: Grüße aus Köln\nTo: \"Zoë\" <z@example.org>\n\nGrüße im Text\n"),
    "8bit-latin1": b"From: J\xfcrgen <j@example.org>\r\nSubject: Gr\xfc\xdfe\r\nContent-Type: text/plain; charset=iso-8859-1; name=\"\xfc.txt\"\r\n\r\nGr\xfc\xdfe im Text\r\n",
    "html": mail("html", "Content-Type: TEXT/HTML; Charset=\"UTF-8\"; Format=\"flowed\"\nContent-Transfer-Encoding: 8BIT\n\n<p>Hällo</p>\n"),
    "no-mime-version": m("Subject: no version\nContent-Type: text/html; charset=utf-8\n\n<p>x</p>\n"),
    "alternative": mail("alternative", "Content-Type: multipart/alternative; boundary=\"=_b\"\n\npreamble text\n--=_b\n"
                        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
                        "Gr=C3=BC=C3=9Fe quoted=\nprintable\n--=_b\nContent-Type: text/html\n\n<p>html part</p>\n--=_b--\nepilogue text\n"),
    "attachment": mail("attachment", "Content-Type: multipart/mixed; boundary=xx\nContent-Language: de\n\n--xx\n\nno header part\n--xx\n"
                       "Content-Type: application/pdf; name=report.pdf\nContent-Transfer-Encoding: BASE64\nContent-ID: <cid@x>\n"
                       "Content-Description: a description\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n"
                       "Content-Disposition: attachment; filename=\"report \\\"1\\\".pdf\"; size=7\nContent-Language: en, fr\n"
                       "Content-Location: http://example.org/x\n\naGVsbG8K\n--xx--\n"),
    "rfc2231": mail("rfc2231", "Content-Type: application/octet-stream;\n name*0*=utf-8'en'%C3%BCber;\n name*1=\"-long\";\n name*2=\".txt\"\n"
                    "Content-Disposition: attachment; filename*=utf-8''%E2%82%AC.txt\n\nx\n"),
    "no-parts": mail("no parts", "Content-Type: multipart/mixed; boundary=nowhere\n\nthe boundary never comes\n"),
    "only-close": mail("only close", "Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b--\nepilogue\n"),
    "no-boundary": mail("no boundary", "Content-Type: multipart/mixed\n\n--b\n\npart?\n--b--\n"),
    "empty-boundary": mail("empty boundary", "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\npart?\n----\n"),
    "unclosed": mail("unclosed", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\none\n--b\n\ntwo\n"),
    "empty-parts": mail("empty parts", "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\nContent-Type: text/html\n--b\n"
                        "Content-Type: text/html\n\n--b\n\n\n--b--\n"),
    "prefix-boundaries": mail("prefix", "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n"
                              "--ab\n\ninner\n--ab--\n--a\n\nouter\n--a--\n"),
    "outer-ends-inner": mail("outer ends inner", "Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/mixed; boundary=in\n\n"
                             "--in\n\ninner, never closed\n--out\n\nouter\n--out--\n"),
    "boundary-spaces": mail("boundary spaces", "Content-Type: multipart/mixed; boundary=\"b c\"\n\n--b c   \n\none\n--b c\t\n\ntwo\n--b c--  \n"),
    "digest": mail("digest", "Content-Type: multipart/digest; boundary=d\n\n--d\n\nFrom: one@example.org\nSubject: first in digest\n\nbody one\n"
                   "--d\nContent-Type: text/plain\n\nplain in digest\n--d\n\nSubject: third\n\nbody three\n--d--\n"),
    "forwarded": mail("forwarded", "Content-Type: multipart/mixed; boundary=o\n\n--o\n\nsee below\n--o\nContent-Type: message/rfc822\n"
                      "Content-Disposition: inline; filename=fwd.eml\n\nFrom: inner@example.org\nTo: Group: g@example.org;\nSubject: the inner one\n"
                      "Date: Tue, 8 Mar 1994 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\ninner plain\n"
                      "--i\nContent-Type: text/html\n\n<b>inner html</b>\n--i--\n--o\nContent-Type: message/rfc822\n\n"
                      "Subject: plain inner\n\nsingle inner body\n--o--\n"),
    "rfc822-root": mail("rfc822 root", "Content-Type: message/rfc822\n\nSubject: enclosed\nFrom: e@example.org\n\nenclosed body\n"),
    "rfc822-multi": mail("rfc822 multi", "Content-Type: message/rfc822\n\nSubject: enclosed\nContent-Type: multipart/mixed; boundary=q\n\n"
                         "--q\n\nfirst\n--q\nContent-Type: message/rfc822\n\nSubject: deeper\n\ndeeper body\n--q--\n"),
    "rfc822-empty": mail("rfc822 empty", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n--b\n"
                         "Content-Type: message/rfc822\n--b--\n"),
    "rfc822-base64": mail("rfc822 base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA0KDQp5DQo=\n"),
    "report": mail("report", "Content-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nIt failed.\n--r\n"
                   "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; y\n--r\n"
                   "Content-Type: text/rfc822-headers\n\nSubject: original\n--r--\n"),
    "external-body": mail("external", "Content-Type: message/external-body; access-type=local-file; name=\"/x\"\n\nContent-Type: image/gif\n\nphantom\n"),
    "types": mail("types", "Content-Type: multipart/mixed; boundary=t\n\n" + "".join(
        f"--t\nContent-Type: {t}\n\nbody\n" for t in ("text", "text/", "/plain", "text/plain;", "text/plain; charset", "text/plain; charset=",
                                                      "text/plain; charset=\"unclosed", "text/plain (comment); charset=us-ascii (comment)",
                                                      "TEXT / PLAIN ; CHARSET = UTF-8", "text/x y; a=b", "application/json; charset=utf-8; a=1; a=2",
                                                      "text/plain; charset=utf-8; charset=latin1", "", "text/plain charset=utf-8",
                                                      "image/png; name=a b.png; x=y")) + "--t--\n"),
    "encodings": mail("encodings", "Content-Type: multipart/mixed; boundary=t\n\n" + "".join(
        f"--t\nContent-Transfer-Encoding: {t}\n\nbody\n" for t in ("", "7BIT", "x-unknown", "base64 (comment)", "quoted-printable; x=y", "8bit junk")) +
        "--t--\n"),
    "dispositions": mail("dispositions", "Content-Type: multipart/mixed; boundary=t\n\n" + "".join(
        f"--t\nContent-Disposition: {t}\n\nbody\n" for t in ("", "inline", "ATTACHMENT; FILENAME=X.TXT", "attachment; filename=a b", "; filename=x",
                                                             "attachment; filename=\"a\n b\"")) + "--t--\n"),
    "unknown-charset": mail("unknown charset", "Content-Type: text/plain; charset=x-no-such\n\nplain ascii text\n"),
    "wrong-charset": mail("wrong charset", "Content-Type: text/plain; charset=us-ascii\n\nGrüße in UTF-8 under us-ascii\n"),
    "utf16": mail("utf16", "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n"
                  "dwBpAGQAZQAgAHQAZQB4AHQA\n"),
    "koi8": mail("koi8", "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\n8NLJ18XUIM3J0g==\n"),
    "base64-split": mail("base64 split", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nc3BsaXQg\nYWNyb3Nz\nIGxpbmVz\n"),
    "lf-only": b"From: a@example.org\nSubject: line feeds\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n",
    "mixed-ends": b"From: a@example.org\r\nSubject: mixed\nTo: b@example.org\r\n\nbody one\r\nbody two\nbody three",
    "bare-cr": b"Subject: bare\rCR in subject\r\nFrom: a@example.org\r\n\r\nbody\rwith bare CR\r\n",
    "long-line": m("Subject: long line\n\n" + "x" * 20000 + "\n"),
    "many-fields": m("Subject: many fields\n" + "".join(f"X-Field-{i}: value {i}\n" for i in range(900)) + "From: last@example.org\n\nbody\n"),
    "huge-field": m("From: a@example.org\nX-Huge: " + ("word " * 12 + "\n ") * 900 + "end\nSubject: behind the huge one\n\nbody\n"),
    "depth-20": m(nested_multiparts(20)),
    "messages-10": m(nested_messages(10)),
    "parts-150": mail("150 parts", "Content-Type: multipart/mixed; boundary=b\n\n" + "".join(f"--b\n\npart {i}\n" for i in range(150)) + "--b--\n"),
    "dates": m("From: a@example.org\nSubject: odd date\nDate: 07 Feb 94 21:52 EST\n\nbody\n"),
    "bad-date": m("From: a@example.org\nSubject: bad date\nDate: yesterday at noon\n\nbody\n"),
    "date-comment": m("From: a@example.org\nSubject: date comment\nDate: Fri, 1 (first) Mar 2024 00:30:00 +1100 (AEDT)\n\nbody\n"),
    "whitespace-subject": m("From: a@example.org\nSubject:   \t padded \t \n\nbody\n"),
    "tab-subject": m("From: a@example.org\nSubject: a\tb\n\nbody\n"),
    "references": m("From: a@example.org\nMessage-Id:\n <folded@example.org>\nIn-Reply-To: \"text\" <one@x> <two@x>\nReferences: <one@x>\n\t<two@x>\nSubject: Re: refs\n\nbody\n"),
    "dot-lines": m("Subject: dots\n\n.\n..\nFrom here\n"),
    "empty-lines": m("Subject: empty lines\n\n\n\n\n"),
}

# Beyond the limits of the servers, which need not agree there: it must be answered well-formed, and soon.
BEYOND = {
    "depth-100": m(nested_multiparts(100)),
    "depth-1000": m(nested_multiparts(1000)),
    "messages-200": m(nested_messages(200)),
    "parts-3000": mail("3000 parts", "Content-Type: multipart/mixed; boundary=b\n\n" + "".join(f"--b\n\npart {i}\n" for i in range(3000)) + "--b--\n"),
    "addresses-5000": m("From: a@example.org\nTo: " + ",\n ".join(f"u{i}@example.org" for i in range(5000)) + "\nSubject: too many\n\nbody\n"),
    "fields-5000": m("".join(f"X-Field-{i}: value {i}\n" for i in range(5000)) + "Subject: behind them\n\nbody\n"),
    "field-1m": m("Subject: " + "y" * 1_000_000 + "\nFrom: a@example.org\n\nbody\n"),
    "boundary-1k": mail("long boundary", f"Content-Type: multipart/mixed; boundary={'b' * 1000}\n\n--{'b' * 1000}\n\nx\n--{'b' * 1000}--\n"),
    "params-500": mail("params", "Content-Type: text/plain" + "".join(f"; p{i}=v{i}" for i in range(500)) + "\n\nx\n"),
    "comment-depth": mail("comments", "X: y\nCc: " + "(" * 5000 + "x" + ")" * 5000 + " c@example.org\n\nx\n"),
}
