libs += text
text_SRC := base64.cc quoted_printable.cc utf8.cc charset.cc encoded_word.cc casefold.cc idna.cc mailbox_name.cc tags.cc
text_DEP := base
text_EXT := unistring idn2
text_TESTS := transfer_test charset_test mailbox_name_test tags_test
text_FUZZ := text_fuzz
