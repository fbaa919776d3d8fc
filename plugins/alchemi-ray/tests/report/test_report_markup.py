"""Texts of others in markup: read back, each is the text that it was."""

from __future__ import annotations

from html.parser import HTMLParser

from alchemi_ray.report.markup import element, escaped, joined, shortened
from alchemi_ray.report.tables import Column, place, table
from hypothesis import given, settings
from hypothesis import strategies as st


class Texts(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.data, self.attributes = [], "", {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes |= dict(attributes)

    def handle_data(self, data):
        self.data += data


PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Cn")))


@settings(deadline=None)
@given(PRINTABLE)
def test_a_text_in_an_element_is_read_back(text):
    read = Texts(element("p", text))
    assert read.tags == ["p"]
    assert read.data == text


@settings(deadline=None)
@given(PRINTABLE)
def test_a_text_in_an_attribute_is_read_back(text):
    read = Texts(element("p", title=text, class_="a"))
    assert read.tags == ["p"]
    assert read.attributes == {"title": text, "class": "a"}


@settings(deadline=None)
@given(st.text())
def test_any_text_makes_no_element_and_can_be_written(text):
    read = Texts(table(text, [Column(text), Column(text)], [[place(text, 1), text]], note=text))
    assert set(read.tags) <= {"div", "table", "caption", "span", "thead", "tbody", "tr", "th", "td", "code"}
    assert read.tags.count("td") == 1
    read.data.encode()


@settings(deadline=None)
@given(st.text(), st.integers(5, 40))
def test_what_is_shortened_is_short_and_keeps_its_ends(text, longest):
    short = shortened(text, longest)
    assert len(short) <= max(longest, 0)
    assert short == text or (text.startswith(short.split("…")[0]) and "…" in short)


def test_markup_is_not_escaped_twice():
    assert joined(element("b", "a < b"), "&") == "<b>a &lt; b</b>&amp;"
    assert escaped(escaped("<")) == "&lt;"


def test_what_cannot_be_seen_or_turns_the_line_is_shown_as_a_sign():
    assert escaped("a\x00b\x1b\u202ec\ud800") == "a\ufffdb\ufffd\ufffdc\ufffd"


def test_attributes_without_a_value_are_left_out():
    assert element("th", "a", scope="col", class_=None) == '<th scope="col">a</th>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
