import re

from tests.bench.scaling import BEGIN, DOCS, END, PAGE, Measured, page


def test_the_plan_says_what_the_run_that_it_names_makes_of_it() -> None:
    text = PAGE.read_text()
    written = text.partition(BEGIN)[2].partition(END)[0]
    source = re.search(r"\(bench/runs/([^)]+)\)", written)
    assert source is not None
    assert written == page(Measured.read(source[1]))


def test_every_file_that_the_plan_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE.read_text())
    assert links
    assert [link for link in links if not (DOCS / link).exists()] == []
